"""A trained network with integers for what has few bits, and the arithmetic of its layers, exact for those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from evaluators.quality.frontend import FEATURE_SCALE
from evaluators.quality.network import QualityNet, pooled
from evaluators.quality.quantization import levels, quantize_weights
from evaluators.quality.shape import KERNEL
from evaluators.quality.widths import FLOAT_BITS, Widths


class RoundedLayer(NamedTuple):
    """Weights of one layer as integers.

    A sum s over products of integers stands for `s * scale + bias`. Up to 2**24 such sums are exact in single
    precision: 8-bit maps and weights over 32 channels and 9 taps stay below 255 * 127 * 288 < 2**24.

    Attributes:
        name: Of the layer.
        weights: Shape (n_outputs, ...), integers in float32; or floats, with a scale of 1.
        scale: Of the weights of each output times the step of what is read.
        bias: Of each output.
        bits: Of a weight.
    """

    name: str
    weights: Tensor
    scale: Tensor
    bias: Tensor
    bits: int


class RoundedNet(NamedTuple):
    """All layers, and the maps between them.

    Attributes:
        convolutions: In order.
        dense: In order.
        map_bits: Of each map.
        steps: Of each map's levels.
    """

    convolutions: tuple[RoundedLayer, ...]
    dense: tuple[RoundedLayer, ...]
    map_bits: tuple[int, ...]
    steps: tuple[float, ...]


class Rounder:
    """Rounds one trained network to any widths.

    Args:
        network: Trained.
        steps: For each map: bits -> step. Maps of 1 and 32 bits have a step of 1.
    """

    def __init__(self, network: QualityNet, steps: Mapping[str, Mapping[int, float]]) -> None:
        self._network, self._steps = network, steps
        self._lines: dict[Widths, tuple[float, float]] = {}
        self._kept: dict[tuple[str, int, float], RoundedLayer] = {}

    @property
    def n_convolutions(self) -> int:
        """Of the network."""
        return len(self._network.convolutions)

    def has_line(self, widths: Widths) -> bool:
        """Whether a line leads the scores by these widths."""
        return widths in self._lines

    def set_line(self, widths: Widths, factor: float, offset: float) -> None:
        """From now on the last layer gives `factor * score + offset`."""
        self._lines[widths] = (factor, offset)

    def layer(self, k: int, bits: int, input_step: float) -> RoundedLayer:
        """Layer number k with weights of so many bits, reading a map of that step."""
        name = self._network.shape.layers[k]
        key = (name, bits, input_step)
        if key not in self._kept:
            module = self._network.layers[k]
            assert module.bias is not None
            integers, scale = quantize_weights(module.weight, bits)
            self._kept[key] = RoundedLayer(name, integers, scale * input_step, module.bias.detach(), bits)
        return self._kept[key]

    def step(self, k: int, bits: int) -> float:
        """Step of map number k (-1: features) at so many bits."""
        if k < 0:
            return FEATURE_SCALE
        return 1.0 if bits in (1, FLOAT_BITS) else self._steps[self._network.shape.maps[k]][bits]

    def rounded(self, widths: Widths) -> RoundedNet:
        """The whole network."""
        n = self.n_convolutions
        steps = [self.step(k, bits) for k, bits in enumerate(widths.maps)]
        read = [FEATURE_SCALE, *steps, *[1.0] * (len(widths.weights) - n - 1)]
        layers = [self.layer(k, bits, read[k]) for k, bits in enumerate(widths.weights)]
        factor, offset = self._lines.get(widths, (1.0, 0.0))
        last = layers[-1]
        layers[-1] = last._replace(scale=last.scale * factor, bias=last.bias * factor + offset)
        return RoundedNet(tuple(layers[:n]), tuple(layers[n:]), widths.maps, tuple(steps))


def input_of(features: Tensor) -> Tensor:
    """Features as the first layer reads them: integers in float32, shape (n, 1, n_frames, n_bands)."""
    return features[:, None].float().contiguous(memory_format=torch.channels_last)


def run_convolution(layer: RoundedLayer, x: Tensor, map_bits: int, step: float, is_last: bool) -> Tensor:
    """The pooled map as integers (or floats, of 32 bits), channels last in memory."""
    sums = pooled(functional.conv2d(x, layer.weights, padding=KERNEL // 2), is_last)
    return levels(scaled(sums, layer), map_bits, step)


def scaled(sums: Tensor, layer: RoundedLayer) -> Tensor:
    """What sums stand for; channels are the second dimension."""
    shape = (-1, *[1] * (sums.dim() - 2))
    return sums * layer.scale.view(shape) + layer.bias.view(shape)


def run_dense(layers: tuple[RoundedLayer, ...], x: Tensor) -> Tensor:
    """Scores of pooled last maps; one row never changes another's result.

    Args:
        layers: The dense layers.
        x: Shape (n, n_inputs).

    Returns:
        Shape (n,), float32.
    """
    found = x.double()
    for layer in layers:
        # Row by row the same sums: a matrix product could add up in another order for another number of rows.
        sums = (found[:, None, :] * layer.weights.double()).sum(dim=2)
        found = sums * layer.scale.double() + layer.bias.double()
        found = found if layer is layers[-1] else found.relu()
    return found[:, 0].float()


def run_rounded(network: RoundedNet, features: Tensor) -> Tensor:
    """Scores of a batch of features, shape (n,)."""
    x = input_of(features)
    last = len(network.convolutions) - 1
    for k, layer in enumerate(network.convolutions):
        x = run_convolution(layer, x, network.map_bits[k], network.steps[k], k == last)
    return run_dense(network.dense, x.flatten(1))
