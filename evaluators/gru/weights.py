"""The trained float weights of a GRU classifier, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class GruLayerWeights:
    """One layer in PyTorch's layout; the rows are stacked reset, update, new.

    Attributes:
        weight_ih: Shape (3 * hidden, inputs).
        weight_hh: Shape (3 * hidden, hidden).
        bias_ih, bias_hh: Shape (3 * hidden,).
    """

    weight_ih: FloatArray
    weight_hh: FloatArray
    bias_ih: FloatArray
    bias_hh: FloatArray

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return int(self.weight_hh.shape[1])

    @property
    def n_inputs(self) -> int:
        """Inputs per step."""
        return int(self.weight_ih.shape[1])


@dataclass(frozen=True)
class GruWeights:
    """A stack of GRU layers and a linear classifier on the last state.

    Attributes:
        layers: From input to output.
        classifier_weight: Shape (n_classes, hidden).
        classifier_bias: Shape (n_classes,).
    """

    layers: tuple[GruLayerWeights, ...]
    classifier_weight: FloatArray
    classifier_bias: FloatArray

    @property
    def n_classes(self) -> int:
        """Classes of the classifier."""
        return int(self.classifier_weight.shape[0])
