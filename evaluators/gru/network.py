"""The float GRU classifier in torch, and the way between it and plain arrays."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluators.data import Sequences
from evaluators.gru.weights import FloatArray, GruLayerWeights, GruWeights
from evaluators.training.threads import one_thread

_BATCH_SIZE = 1024


class GruNetwork(nn.Module):
    """A stack of GRU layers and a linear classifier on the state after each sequence's last step.

    Args:
        n_inputs: Features per step.
        hidden: Units of each layer.
        layers: GRU layers.
        n_classes: Classes.
    """

    def __init__(self, n_inputs: int, hidden: int, layers: int, n_classes: int) -> None:
        super().__init__()
        # Made without values: drawing some would advance torch's global generator.
        gru = nn.GRU(n_inputs, hidden, layers, batch_first=True, device="meta")
        classifier = nn.Linear(hidden, n_classes, device="meta")
        self.gru = gru.to_empty(device="cpu")
        self.classifier = classifier.to_empty(device="cpu")

    def initialize(self, generator: torch.Generator) -> Self:
        """Draw all weights uniformly from +-1/sqrt(hidden), torch's own default for a GRU."""
        bound = 1.0 / math.sqrt(self.gru.hidden_size)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        return self

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits of a padded batch.

        Args:
            x: Shape (n_sequences, n_steps, n_inputs).
            lengths: Steps of each sequence, int64, shape (n_sequences,), from 1.

        Returns:
            Shape (n_sequences, n_classes).
        """
        # A GRU reads forwards only: what comes after a sequence's end cannot reach its last state.
        states, _ = self.gru(x)
        last = states[torch.arange(len(x), device=x.device), lengths - 1]
        return self.classifier(last)  # type: ignore[no-any-return]

    def to_weights(self) -> GruWeights:
        """The weights as plain arrays, copied."""
        layers = tuple(
            GruLayerWeights(
                *(
                    _array(getattr(self.gru, f"{name}_l{k}"))
                    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                )
            )
            for k in range(self.gru.num_layers)
        )
        return GruWeights(layers, _array(self.classifier.weight), _array(self.classifier.bias))

    @classmethod
    def from_weights(cls, weights: GruWeights) -> Self:
        """The network with these weights."""
        first = weights.layers[0]
        network = cls(first.n_inputs, first.n_hidden, len(weights.layers), weights.n_classes)
        with torch.no_grad():
            for k, layer in enumerate(weights.layers):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(network.gru, f"{name}_l{k}").copy_(torch.from_numpy(getattr(layer, name)))
            network.classifier.weight.copy_(torch.from_numpy(weights.classifier_weight))
            network.classifier.bias.copy_(torch.from_numpy(weights.classifier_bias))
        return network


def logits(network: GruNetwork, sequences: Sequences) -> NDArray[np.float32]:
    """Logits of all sequences, shape (n_sequences, n_classes), computed where the network is."""
    device = next(network.parameters()).device
    batches = []
    with torch.no_grad(), one_thread():
        for start in range(0, len(sequences), _BATCH_SIZE):
            lengths = torch.from_numpy(sequences.lengths[start : start + _BATCH_SIZE])
            x = torch.from_numpy(sequences.x[start : start + _BATCH_SIZE, : int(lengths.max())])
            batches.append(network(x.to(device), lengths.to(device)).cpu().numpy())
    return np.concatenate(batches)


def float_accuracy(weights: GruWeights, sequences: Sequences) -> float:
    """Share of sequences that the float network classifies rightly, 0 to 1."""
    predicted = logits(GruNetwork.from_weights(weights), sequences).argmax(axis=1)
    return float((predicted == sequences.labels).mean())


def _array(parameter: Tensor) -> FloatArray:
    return parameter.detach().cpu().numpy().copy()
