"""Gates: which channels of a block the current input needs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.training_options import Surrogate

FIRST_SCORE = 1.0
"""Of all channels in the beginning: every channel is kept, within reach of the surrogate gradient."""


class Gate(nn.Module):
    """Moving average over frames, a hidden layer with ReLU, one score a channel; static gates are the scores alone."""

    def __init__(self, shape: FsenetShape) -> None:
        super().__init__()
        self._shape = shape
        self.scores = nn.Parameter(torch.full((shape.bottleneck,), FIRST_SCORE))
        if shape.gating == "dynamic":
            self.squeeze = nn.Linear(shape.bottleneck, shape.gate_units)
            self.excite = nn.Linear(shape.gate_units, shape.bottleneck, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the channels, shape (n_sequences, n_frames, bottleneck), for the block's input of that shape."""
        if self._shape.gating == "static":
            return self.scores.expand(*x.shape[:-1], -1)
        return self.of_average(moving_average(x, self._shape.gate_frames, self._shape.is_causal))

    def scores_of(self, x: Tensor) -> Tensor:
        """The same as the call, in less time where no gradient is asked for.

        The average is taken behind the first layer, which has fewer outputs than inputs and commutes with it.
        """
        if self._shape.gating == "static":
            return self.scores.expand(*x.shape[:-1], -1)
        squeezed = nn.functional.linear(x, self.squeeze.weight)
        averaged = moving_average(squeezed, self._shape.gate_frames, self._shape.is_causal).add_(self.squeeze.bias)
        return torch.addmm(self.scores, averaged.relu_().flatten(0, -2), self.excite.weight.T).view(x.shape)

    def of_average(self, averaged: Tensor) -> Tensor:
        """Scores from the moving average, of its shape."""
        excited: Tensor = self.excite(self.squeeze(averaged).relu())
        return excited + self.scores

    @property
    def n_frames(self) -> int:
        """Frames that it averages over."""
        return self._shape.gate_frames


def moving_average(x: Tensor, n_frames: int, is_causal: bool) -> Tensor:
    """Mean over a window of frames, those before the first and after the last taken to be 0.

    Args:
        x: Shape (n_sequences, n_frames, n_channels).
        n_frames: Length of the window.
        is_causal: The window ends with the current frame; else that is its middle.
    """
    later = 0 if is_causal else n_frames // 2
    padded = nn.functional.pad(x, (0, 0, n_frames - 1 - later, later))
    total = padded[:, : x.shape[1]]
    for k in range(1, n_frames):
        total = total + padded[:, k : k + x.shape[1]]
    return total / n_frames


class _Step(torch.autograd.Function):
    """1 where a score is above 0, else 0; the gradient is that of a smooth step."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, surrogate: Surrogate, slope: float) -> Tensor:
        ctx.save_for_backward(scores)
        ctx.surrogate, ctx.slope = surrogate, slope
        return (scores > 0).to(scores.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (scores,) = ctx.saved_tensors
        if ctx.surrogate == "straight_through":
            return grad, None, None
        return grad / (1 + ctx.slope * scores.abs()).square(), None, None


def step(scores: Tensor, surrogate: Surrogate, slope: float) -> Tensor:
    """Heaviside's step function with a surrogate gradient, of the same shape."""
    return _Step.apply(scores, surrogate, slope)  # type: ignore[no-any-return, no-untyped-call]
