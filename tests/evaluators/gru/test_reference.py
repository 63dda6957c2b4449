from __future__ import annotations

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights, random_widths
from page_arithmetic import Page

from evaluators.gru.calibration import calibrate
from evaluators.gru.formats import Format
from evaluators.gru.integer_gru import (
    IntegerGru,
    IntegerGruLayer,
    Linear,
    Lookup,
    MatrixProduct,
    Product,
    Requantization,
    Sum,
)
from evaluators.gru.operators import Genome, Widths, gene_names, widths_of_genes
from evaluators.gru.quantization import quantize
from evaluators.gru.reference import infer, quantize_input


def _requantization(shift: int, zero_point: int = 0) -> Requantization:
    """Divide by 2**(shift - 23), rounding halves up: 2**23 + 1 is as near to a power of two as an odd number gets."""
    return Requantization((1 << 23) + 1, shift, zero_point, -128, 127)


def _matrix_product(weight: int, bias: int, shift: int) -> MatrixProduct:
    linear = Linear(np.array([[weight]], np.int8), 8, np.array([bias], np.int32), input_zero_point=0)
    return MatrixProduct(linear, _requantization(shift))


def test_one_unit_by_hand() -> None:
    plain_sum = Sum(1, 1, 0, 0, -128, 127)
    identity = Lookup(np.arange(-128, 128).astype(np.int8))
    layer = IntegerGruLayer(
        input_reset=_matrix_product(3, 1, 23),  # x = 4: 3 * 4 + 1 = 13
        input_update=_matrix_product(-5, 0, 24),  # -20 / 2 = -10
        input_new=_matrix_product(1, 7, 24),  # 11 / 2 = 5.5: up to 6
        hidden_reset=_matrix_product(1, 2, 23),  # h = 10: 12
        hidden_update=_matrix_product(2, 0, 23),  # 20
        hidden_new=_matrix_product(-1, -1, 24),  # -11 / 2 = -5.5: just below, as M is above 2**23, so -6
        add_reset=Sum(2, 4, 8, 4, -128, 127),  # (2 * 13 + 4 * 12 + 8) >> 4 = 82 >> 4 = 5
        add_update=plain_sum,  # -10 + 20 = 10
        sigmoid_reset=identity,  # 5
        sigmoid_update=Lookup(np.arange(127, -129, -1).astype(np.int8)),  # -1 - 10 = -11
        mul_reset=Product(1, -2, _requantization(25, 3)),  # (5 - 1) * (-6 + 2) = -16; / 4 = -4; + 3 = -1
        add_new=plain_sum,  # 6 - 1 = 5
        tanh_new=identity,  # 5
        complement_update=Sum(-3, 0, 2, 1, -128, 127),  # (33 + 2) >> 1 = 17
        mul_new=Product(0, 0, _requantization(23)),  # 17 * 5 = 85
        mul_state=Product(-10, 4, _requantization(23)),  # (-11 + 10) * (10 - 4) = -6
        add_state=Sum(1, 1, 0, 0, -128, 64),  # 79, limited to 64
        initial_state=10,
        read_state=None,
    )
    classifier = Linear(np.array([[2], [-2]], np.int8), 8, np.array([5, 6], np.int32), input_zero_point=60)
    widths = Widths((8,) * 26)
    gru = IntegerGru(widths, Format(8, 1.0), (layer,), classifier)
    result = infer(gru, np.array([[[4]]], np.int8), np.array([1]))
    assert result.states[0].tolist() == [[64]]
    assert result.logits.tolist() == [[2 * 4 + 5, -2 * 4 + 6]]
    assert result.logits.dtype == np.int32


def test_the_state_is_read_at_its_own_width() -> None:
    rng = np.random.default_rng(0)
    calibrated = calibrate(random_weights(rng, 2, (3,)), random_sequences(rng, 9, 4, 2))
    genes = dict.fromkeys(gene_names("extended", 1), 8)
    gru = quantize(calibrated, widths_of_genes("extended", 1, genes | {"gru0.add_state": 12, "gru0.state": 4}))
    read = gru.layers[0].read_state
    assert read is not None
    assert (read.low, read.high) == (-8, 7)
    assert read.zero_point == calibrated.format("gru0.state", 4).zero_point


@pytest.mark.parametrize(("genome", "seed"), [("paper", 0), ("paper", 1), ("extended", 2), ("extended", 3)])
def test_the_pages_formulas_in_exact_fractions_give_the_same(genome: Genome, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = (4, 3) if seed % 2 else (4,)
    calibrated = calibrate(random_weights(rng, 3, hidden), random_sequences(rng, 30, 6, 3))
    data = random_sequences(rng, 3, 5, 3)
    for widths in random_widths(rng, genome, len(hidden), 5):
        gru = quantize(calibrated, widths)
        result = infer(gru, quantize_input(data.x, gru.input), data.lengths)
        page = Page(calibrated, widths)
        for index, length in enumerate(data.lengths):
            logits, states = page.run(data.x[index, :length].tolist())
            assert result.logits[index].tolist() == logits
            assert [state[index].tolist() for state in result.states] == states


@pytest.mark.parametrize("n_layers", [1, 2])
def test_many_bits_come_close_to_the_float_network(n_layers: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    weights = random_weights(rng, 6, (24,) * n_layers)
    data = random_sequences(rng, 60, 8, 6)
    calibrated = calibrate(weights, data)
    names = gene_names("extended", n_layers)
    wide = ("output", "mul_reset", "mul_new", "mul_state", "add_state")
    gru = quantize(calibrated, widths_of_genes("extended", n_layers, {n: 16 if n.endswith(wide) else 8 for n in names}))
    result = infer(gru, quantize_input(data.x, gru.input), data.lengths)
    last = f"gru{n_layers - 1}."
    scale = calibrated.format(last + "state", 8).scale * calibrated.format("classifier", 8).scale
    states = torch.from_numpy(data.x)
    for layer in weights.layers:
        torch_gru = torch.nn.GRU(layer.n_inputs, layer.n_hidden, batch_first=True)
        arrays = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
        for parameter, array in zip(torch_gru.parameters(), arrays, strict=True):
            parameter.data = torch.from_numpy(array)
        states = torch_gru(states)[0]
    final = states[np.arange(60), data.lengths - 1].detach().numpy()
    expected = final @ weights.classifier_weight.T + weights.classifier_bias
    error = np.abs(result.logits * scale - expected)
    assert error.max() < 0.05 * np.abs(expected).max()


def test_a_short_sequence_gives_what_it_gives_alone() -> None:
    rng = np.random.default_rng(1)
    data = random_sequences(rng, 12, 7, 3)
    calibrated = calibrate(random_weights(rng, 3, (5, 4)), data)
    (widths,) = random_widths(rng, "extended", 2, 1)
    gru = quantize(calibrated, widths)
    x = quantize_input(data.x, gru.input)
    together = infer(gru, x, data.lengths)
    for index, length in enumerate(data.lengths):
        alone = infer(gru, x[index : index + 1, :length], np.array([length]))
        np.testing.assert_array_equal(alone.logits[0], together.logits[index])
        for a, b in zip(alone.states, together.states, strict=True):
            np.testing.assert_array_equal(a[0], b[index])


def test_inputs_are_rounded_halves_up_and_limited() -> None:
    x = np.array([[[-0.25, 0.25, 0.75, 99.0]]], np.float32)
    np.testing.assert_array_equal(quantize_input(x, Format(4, 0.5, -3)), [[[-3, -2, -1, 7]]])
