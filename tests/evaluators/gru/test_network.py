"""The float network against its equations, and the way to plain arrays and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluators.data import Sequences
from evaluators.gru.network import GruNetwork, float_accuracy, logits
from evaluators.gru.weights import GruWeights


def network(layers: int = 2, seed: int = 0) -> GruNetwork:
    return GruNetwork(3, 5, layers, 4).initialize(torch.Generator().manual_seed(seed))


def sequences(n: int = 7, n_steps: int = 6) -> Sequences:
    rng = np.random.default_rng(0)
    lengths = np.concatenate([[1, n_steps], rng.integers(1, n_steps + 1, n - 2)])
    x = rng.normal(size=(n, n_steps, 3)).astype(np.float32)
    x[np.arange(n_steps) >= lengths[:, None]] = 0.0
    return Sequences(x, lengths, rng.integers(0, 4, n))


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def reference_logits(weights: GruWeights, x: np.ndarray) -> np.ndarray:
    """Cho et al. (2014) in PyTorch's form, one sequence of shape (n_steps, n_features), in double precision."""
    for layer in weights.layers:
        h = np.zeros(layer.n_hidden)
        states = []
        for step in x.astype(float):
            ir, iz, i_n = np.split(layer.weight_ih @ step + layer.bias_ih, 3)
            hr, hz, hn = np.split(layer.weight_hh @ h + layer.bias_hh, 3)
            r, z = sigmoid(ir + hr), sigmoid(iz + hz)
            h = (1 - z) * np.tanh(i_n + r * hn) + z * h
            states.append(h)
        x = np.array(states)
    return np.asarray(weights.classifier_weight @ x[-1] + weights.classifier_bias)


@pytest.mark.parametrize("layers", [1, 3])
def test_logits_follow_from_the_equations_at_each_end(layers: int) -> None:
    net, data = network(layers), sequences()
    expected = [reference_logits(net.to_weights(), x[:n]) for x, n in zip(data.x, data.lengths, strict=True)]
    assert logits(net, data) == pytest.approx(np.array(expected), abs=1e-5)


def test_what_comes_after_an_end_does_not_matter() -> None:
    data = sequences()
    noisy = data.x.copy()
    noisy[np.arange(6) >= data.lengths[:, None]] = 100.0
    assert (logits(network(), Sequences(noisy, data.lengths, data.labels)) == logits(network(), data)).all()


def test_many_sequences_go_in_batches() -> None:
    data = sequences(2500)
    net = network()
    parts = [logits(net, Sequences(data.x[k:], data.lengths[k:], data.labels[k:]))[0] for k in (0, 1024, 2499)]
    assert logits(net, data)[[0, 1024, 2499]] == pytest.approx(np.array(parts), abs=1e-6)
    assert logits(net, data).shape == (2500, 4)


def test_weights_go_there_and_back() -> None:
    net = network()
    weights = net.to_weights()
    assert [layer.n_inputs for layer in weights.layers] == [3, 5]
    assert (weights.layers[1].n_hidden, weights.n_classes) == (5, 4)
    again = GruNetwork.from_weights(weights)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_weights_are_copies() -> None:
    net = network()
    weights = net.to_weights()
    before = weights.classifier_bias.copy()
    with torch.no_grad():
        net.classifier.bias.add_(1.0)
    assert (weights.classifier_bias == before).all()


def test_weights_follow_from_the_seed_and_nothing_else_is_drawn() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b, other = network(), network(), network(seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.gru.weight_hh_l0, other.gru.weight_hh_l0)
    assert max(float(p.detach().abs().max()) for p in a.parameters()) <= 5**-0.5


def test_accuracy_is_the_share_of_largest_logits_on_the_label() -> None:
    net, data = network(), sequences(40)
    predicted = logits(net, data).argmax(axis=1)
    labels = np.where(np.arange(40) < 30, predicted, (predicted + 1) % 4)
    assert float_accuracy(net.to_weights(), Sequences(data.x, data.lengths, labels)) == 0.75
