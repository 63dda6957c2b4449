"""A dilated depthwise convolution over time in the layout of matrix products, which trains faster on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from evaluators.fsenet.shape import KERNEL


def depthwise(x: Tensor, taps: Tensor, dilation: int, is_causal: bool) -> Tensor:
    """Filter every channel over time, frames outside taken to be 0.

    Args:
        x: Shape (n_sequences, n_frames, n_channels).
        taps: Shape (KERNEL, n_channels), the earliest frame first.
        dilation: Frames between two taps.
        is_causal: The last tap is at the current frame; else the middle one is.

    Returns:
        Of the shape of x.
    """
    return _Depthwise.apply(x, taps, delays(dilation, is_causal))  # type: ignore[no-any-return, no-untyped-call]


def delays(dilation: int, is_causal: bool) -> tuple[int, ...]:
    """How many frames each tap looks back; below 0: ahead."""
    last = 0 if is_causal else -(KERNEL // 2) * dilation
    return tuple(last + (KERNEL - 1 - k) * dilation for k in range(KERNEL))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, delays: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x, taps)
        ctx.delays = delays
        return _filtered(x, taps, delays)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, taps = ctx.saved_tensors
        n_channels = x.shape[-1]
        ones = x.new_ones(1)
        grad_taps = []
        for delay in ctx.delays:
            here, before = _overlap(x.shape[1], delay)
            # The sum over frames as a matrix product: one pass less than a sum of its own.
            product = (grad[:, here] * x[:, before]).reshape(-1, n_channels)
            grad_taps.append((ones.expand(1, len(product)) @ product)[0])
        return _filtered(grad, taps, tuple(-delay for delay in ctx.delays)), torch.stack(grad_taps), None


def _filtered(x: Tensor, taps: Tensor, delays: tuple[int, ...]) -> Tensor:
    found: Tensor | None = None
    for tap, delay in sorted(zip(taps, delays, strict=True), key=lambda pair: abs(pair[1])):
        here, before = _overlap(x.shape[1], delay)
        if delay == 0 and found is None:
            found = x * tap
            continue
        if found is None:
            found = torch.zeros_like(x)
        found[:, here].addcmul_(x[:, before], tap)
    assert found is not None
    return found


def _overlap(n_frames: int, delay: int) -> tuple[slice, slice]:
    """Frames that look back by the delay, and those that they see there."""
    here = slice(min(max(delay, 0), n_frames), max(n_frames + min(delay, 0), 0))
    return here, slice(max(here.start - delay, 0), max(here.stop - delay, 0))
