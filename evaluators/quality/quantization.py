"""Few bits for weights and maps: integers with a scale, and gradients for training through them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from evaluators.quality.widths import FLOAT_BITS

_CLIPPINGS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Shares of the largest weight that are tried as the end of the range."""
_N_STEPS_TRIED = 60


class ScaledWeights(NamedTuple):
    """Weights as integers.

    Attributes:
        integers: Of the weights' shape, type and order in memory; not rounded where they stay in floating point.
        scale: Of every output, above 0.
    """

    integers: Tensor
    scale: Tensor


def quantize_weights(weights: Tensor, bits: int) -> ScaledWeights:
    """Weights in integers from -(2**(bits-1) - 1) to 2**(bits-1) - 1, with the scale that errs least in each output.

    With one bit they are signs, and the scale is the mean of their sizes (Rastegari et al. 2016, equation 6).

    Args:
        weights: Shape (n_outputs, ...).
        bits: 1 to 8, or 32: unchanged.
    """
    flat = weights.detach().flatten(1)
    if bits == FLOAT_BITS:
        return ScaledWeights(weights.detach(), torch.ones(len(flat)))
    if bits == 1:
        mean = flat.abs().mean(dim=1)
        signs = torch.where(flat < 0, -1.0, 1.0)
        return ScaledWeights(_ordered_as(weights, signs), mean.clamp_min(_tiny(flat)))
    limit = 2 ** (bits - 1) - 1
    largest = flat.abs().amax(dim=1).clamp_min(_tiny(flat))
    scales = (largest * torch.tensor(_CLIPPINGS)[:, None] / limit)[:, :, None]
    # In place, as fine-tuning does this for every update.
    errors = (flat / scales).round_().clamp_(-limit, limit).mul_(scales).sub_(flat).square_().sum(dim=2)
    scale = scales[errors.argmin(dim=0), torch.arange(len(flat)), 0]
    return ScaledWeights(_ordered_as(weights, (flat / scale[:, None]).round().clamp(-limit, limit)), scale)


def trained_weights_of(weights: Tensor, bits: int) -> Tensor:
    """Quantized weights whose gradient goes straight through to the weights."""
    if bits == FLOAT_BITS:
        return weights
    integers, scale = quantize_weights(weights, bits)
    quantized = integers * scale.view(-1, *[1] * (weights.dim() - 1))
    return _ordered_as(weights, weights + (quantized - weights).detach())


def levels(x: Tensor, bits: int, step: float) -> Tensor:
    """A map as integers: 1 where x > 0 with one bit, else x / step rounded, from 0 to 2**bits - 1; 32: ReLU."""
    if bits == 1:
        return (x > 0).to(x.dtype)
    if bits == FLOAT_BITS:
        return x.relu()
    return (x / step).round().clamp(0, 2**bits - 1)


def trained_map(x: Tensor, bits: int, step: float, slope: float) -> Tensor:
    """A map with a gradient: of one bit by a surrogate, of several bits straight through within their range."""
    if bits == 1:
        return _Binary.apply(x, slope)  # type: ignore[no-any-return, no-untyped-call]
    if bits == FLOAT_BITS:
        return x.relu()
    limited = x.clamp(0, step * (2**bits - 1))
    return limited + (levels(x, bits, step) * step - limited).detach()


def best_step(x: Tensor, bits: int) -> float:
    """The step of a map of several bits that errs least in the mean square.

    Args:
        x: Some of the map's values.
        bits: 2 to 8.
    """
    positive = x[x > 0]
    if not len(positive):
        return 1.0
    largest = positive.max().item()
    candidates = [float(largest * k / _N_STEPS_TRIED / (2**bits - 1)) for k in range(3, _N_STEPS_TRIED + 1)]
    errors = [(levels(positive, bits, step) * step - positive).square().mean().item() for step in candidates]
    return candidates[errors.index(min(errors))]


class _Binary(torch.autograd.Function):
    """1 where x > 0, else 0; the gradient is that of a fast sigmoid, 1 / (slope |x| + 1)^2 (arXiv 2407.04578)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = slope
        return (x > 0).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad / (ctx.slope * x.abs() + 1).square(), None


def _ordered_as(weights: Tensor, values: Tensor) -> Tensor:
    """Values in the shape of weights and in their order in memory.

    The maps of a convolution go by that order; where they come out channels first, pooling takes five times as long.
    """
    return torch.empty_like(weights).copy_(values.view_as(weights))


def _tiny(x: Tensor) -> float:
    return float(torch.finfo(x.dtype).tiny)
