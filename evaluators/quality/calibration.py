"""Ranges of maps, measured on calibration examples, and the start of a fine-tuning that follows from them."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluators.quality.frontend import FEATURE_SCALE
from evaluators.quality.network import QualityNet, Rounding
from evaluators.quality.quantization import best_step, levels
from evaluators.quality.shape import KERNEL
from evaluators.quality.widths import FLOAT_BITS, Widths

N_EXAMPLES = 24
"""Enough for ranges, few enough for all their maps to be in memory at once."""
_N_VALUES = 100_000
_SMALLEST_DIFFERENCE = 1e-3
Weighted = nn.Conv2d | nn.Linear


@torch.no_grad()
def start_of(network: QualityNet, recipe: Widths, features: Tensor, slope: float) -> tuple[QualityNet, Rounding]:
    """A float network made ready to be fine-tuned.

    Each channel of a map of one bit is split where the mean values below and above stand for it best: the threshold
    goes into the layer's bias, the means into the next layer's weights and bias. Maps of several bits get the step that
    errs least. What so much rounding leaves of the score varies far less than the score, too little to learn from: the
    last layer is scaled by the line that leads to the float network's scores with the least squares.

    Args:
        network: Trained in floating point; not changed.
        recipe: What has few bits.
        features: Of calibration examples.
        slope: Of the surrogate gradient.
    """
    start = copy.deepcopy(network).requires_grad_(True)
    layers = start.layers
    steps: list[float] = []
    x = _input(features)
    for k, bits in enumerate(recipe.maps):
        y = start.pooled(functional.conv2d(x, layers[k].weight, layers[k].bias, padding=KERNEL // 2), k)
        steps.append(best_step(_some(y), bits) if 1 < bits < FLOAT_BITS else 1.0)
        if bits == 1:
            y = y - _split(layers[k], layers[k + 1], y)
        x = levels(y, bits, steps[-1]) * steps[-1]
    rounding = Rounding(recipe, tuple(steps), slope)
    if 1 in recipe.maps:
        factor, offset = line_to(start(features[:N_EXAMPLES], rounding), network(features[:N_EXAMPLES]))
        last = start.dense[-1]
        last.weight.mul_(factor)  # type: ignore[operator]
        last.bias.mul_(factor).add_(offset)  # type: ignore[operator]
    return start, rounding


def line_to(found: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Factor and offset that lead scores to those wanted, both of shape (n,), with the least squares.

    Scores that do not differ stay as they are.
    """
    x, y = found.double(), wanted.double()
    deviations = x - x.mean()
    energy = deviations.square().sum()
    if energy == 0:
        return 1.0, 0.0
    factor = (deviations @ (y - y.mean()) / energy).item()
    return factor, (y.mean() - factor * x.mean()).item()


@torch.no_grad()
def map_steps(network: QualityNet, rounding: Rounding, features: Tensor) -> Mapping[str, Mapping[int, float]]:
    """The step of each map at every number of bits, those that the network was fine-tuned with among them."""
    found: dict[str, dict[int, float]] = {}
    x = _input(features)
    for k, name in enumerate(network.shape.maps):
        layer = network.layers[k]
        y = network.pooled(functional.conv2d(x, layer.weight, layer.bias, padding=KERNEL // 2), k)
        sample = _some(y)
        found[name] = {bits: best_step(sample, bits) for bits in range(2, 9)}
        trained_bits, step = rounding.widths.maps[k], rounding.steps[k]
        if 1 < trained_bits < FLOAT_BITS:
            found[name][trained_bits] = step
        x = levels(y, trained_bits, step) * step
    return found


def _input(features: Tensor) -> Tensor:
    x = features[:N_EXAMPLES, None].float() * FEATURE_SCALE
    return x.contiguous(memory_format=torch.channels_last)


def _some(y: Tensor) -> Tensor:
    values = y.flatten()
    return values[:: max(1, len(values) // _N_VALUES)]


def _split(layer: Weighted, reader: Weighted, y: Tensor) -> Tensor:
    """Move thresholds into a layer's bias and values into its reader's weights; the thresholds, to be taken off y."""
    channels = y.transpose(0, 1).flatten(1)
    values = channels.relu()
    threshold = thresholds(values)
    above = channels > threshold[:, None]
    n_above = above.sum(dim=1)
    high = (values * above).sum(dim=1) / n_above.clamp_min(1)
    low = (values * ~above).sum(dim=1) / (channels.shape[1] - n_above).clamp_min(1)
    _bias(layer).sub_(threshold)
    weights = reader.weight
    by_channel = (1, -1, *[1] * (weights.dim() - 2))
    _bias(reader).add_((weights * low.view(by_channel)).flatten(1).sum(dim=1))
    weights.mul_((high - low).clamp_min(_SMALLEST_DIFFERENCE).view(by_channel))
    return threshold.view(by_channel)


def thresholds(values: Tensor) -> Tensor:
    """Where two mean values, of what is below and of what is above, err least in the mean square (N. Otsu, 1979).

    Args:
        values: Shape (n_channels, n_values), two or more values each.

    Returns:
        One for each channel, between two of its values; what they all are if they do not differ.
    """
    ordered = values.double().sort(dim=1).values
    n, n_below = values.shape[1], torch.arange(1, values.shape[1])
    sums = ordered.cumsum(dim=1)
    below = sums[:, :-1] / n_below
    above = (sums[:, -1:] - sums[:, :-1]) / (n - n_below)
    gain = n_below * (n - n_below) * (above - below).square()
    # No threshold parts values that are equal.
    differ = ordered[:, 1:] > ordered[:, :-1]
    cut = gain.where(differ, -1.0).argmax(dim=1, keepdim=True)
    middle = (ordered.gather(1, cut) + ordered.gather(1, cut + 1)) / 2
    return middle[:, 0].to(values.dtype)


def _bias(layer: Weighted) -> Tensor:
    assert layer.bias is not None
    return layer.bias
