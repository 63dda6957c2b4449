"""The quality predictor as it is trained: in floating point, or with some maps and weights of few bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluators.quality.frontend import FEATURE_SCALE
from evaluators.quality.quantization import trained_map, trained_weights_of
from evaluators.quality.shape import KERNEL, POOL, QualityShape
from evaluators.quality.widths import Widths


@dataclass(frozen=True)
class Rounding:
    """What of a network has few bits while it is trained.

    Attributes:
        widths: 32 for what stays in floating point.
        steps: Of each map's levels; 1 for maps of one bit or in floating point.
        slope: Of the surrogate gradient.
    """

    widths: Widths
    steps: Sequence[float]
    slope: float

    def of_weights(self, bits: int) -> Rounding:
        """The same with weights of so many bits at most."""
        weights = tuple(min(bits, chosen) for chosen in self.widths.weights)
        return replace(self, widths=Widths(self.widths.maps, weights))


class QualityNet(nn.Module):
    """Four convolutions, each with activation and max-pool, and three dense layers.

    Pooling comes before the activation here: all of them rise with their input, so that the order makes no difference
    to the values. The gradient of a binary map then goes to the largest input of a window.
    """

    def __init__(self, shape: QualityShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.convolutions = nn.ModuleList(
            nn.Conv2d(layer.in_channels, layer.out_channels, KERNEL, padding=KERNEL // 2)
            for layer in shape.convolutions
        )
        self.dense = nn.ModuleList(nn.Linear(layer.inputs, layer.outputs) for layer in shape.dense)
        # Convolutions go by the order of their weights; in the other one, pooling takes five times as long.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor, rounding: Rounding | None = None) -> Tensor:
        """Scores, shape (n,).

        Args:
            features: int8, shape (n, n_frames, n_bands).
            rounding: None: floating point.
        """
        chosen = rounding or Rounding(Widths.uniform(self.shape, 32, 32), (1.0,) * len(self.shape.maps), 1.0)
        x = features[:, None].float() * FEATURE_SCALE
        x = x.contiguous(memory_format=torch.channels_last)
        for k, layer in enumerate(self.layers[: len(self.convolutions)]):
            weights = trained_weights_of(layer.weight, chosen.widths.weights[k])
            x = self.pooled(functional.conv2d(x, weights, layer.bias, padding=KERNEL // 2), k)
            x = trained_map(x, chosen.widths.maps[k], chosen.steps[k], chosen.slope)
            if k + 1 < len(self.convolutions):
                x = functional.dropout(x, self.dropout, self.training)
        x = x.flatten(1)
        for k, layer in enumerate(self.layers[len(self.convolutions) :], len(self.convolutions)):
            x = functional.linear(x, trained_weights_of(layer.weight, chosen.widths.weights[k]), layer.bias)
            x = x if layer is self.layers[-1] else x.relu()
        return x[:, 0]

    @property
    def layers(self) -> list[nn.Conv2d | nn.Linear]:
        """All layers with weights, in order."""
        return [cast("nn.Conv2d | nn.Linear", layer) for layer in (*self.convolutions, *self.dense)]

    def pooled(self, x: Tensor, k: int) -> Tensor:
        """The output of a convolution, pooled as its map will be."""
        return pooled(x, k + 1 == len(self.convolutions))


def pooled(x: Tensor, is_last: bool) -> Tensor:
    """The largest of every 2x2 window, or of all there is."""
    return x.amax(dim=(2, 3), keepdim=True) if is_last else functional.max_pool2d(x, POOL)
