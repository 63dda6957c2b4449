"""Between sound as it is heard and sound at the network's rate and level; on whole utterances or step by step.

Resampling by two: every other sample is there already, and a windowed sinc of 112 taps gives those between, as DEMUCS
does it. All filters wait for what they need of the future, so that a stream and a whole utterance are the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.demucs.shape import SINC_ZEROS, DemucsShape

QUIETEST = 1e-3
"""Mean magnitude, -60 dB: what is quieter is not turned up any further."""
BLOCK = 32
"""Samples that are filtered at a time."""
LEVEL_SECONDS = 2.0
"""Over which the level is a plain mean; it is forgotten as slowly afterwards."""


def sinc_taps() -> Tensor:
    """The filter for a sample halfway between two: a sinc under a Hann window, shape (2 * SINC_ZEROS,)."""
    at = torch.arange(2 * SINC_ZEROS, dtype=torch.float64) - SINC_ZEROS + 0.5
    window = 0.5 + 0.5 * torch.cos(math.pi * at / SINC_ZEROS)
    return (torch.sinc(at) * window).float()


def halfway(x: Tensor, taps: Tensor) -> Tensor:
    """Filtered sound, only where all taps fit; shape (n_sequences, n_samples - n_taps + 1).

    As one matrix product, BLOCK outputs at a time: a convolution of one channel by itself is six times slower.
    """
    n_outputs = x.shape[1] - len(taps) + 1
    padded = torch.nn.functional.pad(x, (0, -n_outputs % BLOCK))
    seen = padded.unfold(1, len(taps) + BLOCK - 1, BLOCK)
    return (seen @ _banded(taps)).flatten(1)[:, :n_outputs]


def _banded(taps: Tensor) -> Tensor:
    """The filter, a sample later in every column, shape (n_taps + BLOCK - 1, BLOCK)."""
    height = len(taps) + BLOCK - 1
    # Rows of one sample more than the filter takes: each begins a sample later than the one before.
    rows = torch.nn.functional.pad(taps, (0, BLOCK)).repeat(BLOCK)[: BLOCK * height]
    return rows.view(BLOCK, height).T


def upsampled(x: Tensor, past: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
    """Twice the rate, SINC_ZEROS samples late.

    Args:
        x: Shape (n_sequences, n_samples).
        past: The 2 * SINC_ZEROS - 1 samples before x.
        taps: See `sinc_taps`.

    Returns:
        Sound of shape (n_sequences, 2 * n_samples), and the past of what follows.
    """
    seen = torch.cat([past.to(x), x], dim=1)
    between = halfway(seen, taps.to(x))
    there = seen[:, SINC_ZEROS - 1 : SINC_ZEROS - 1 + x.shape[1]]
    return torch.stack([there, between], dim=-1).flatten(1), seen[:, x.shape[1] :]


def downsampled(x: Tensor, past: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
    """Half the rate, SINC_ZEROS samples of it late.

    Args:
        x: Shape (n_sequences, 2 * n_samples).
        past: The 4 * SINC_ZEROS samples before x.
        taps: See `sinc_taps`.

    Returns:
        Sound of shape (n_sequences, n_samples), and the past of what follows.
    """
    seen = torch.cat([past.to(x), x], dim=1)
    n = x.shape[1] // 2
    even, odd = seen[:, ::2], seen[:, 1::2]
    # Between the odd samples lie the even ones.
    return 0.5 * (even[:, SINC_ZEROS : SINC_ZEROS + n] + halfway(odd[:, : n + 2 * SINC_ZEROS - 1], taps.to(x))), seen[
        :, 2 * n :
    ]


class Level:
    """The running level of each of some sounds: the mean magnitude so far, an old one fading.

    Args:
        shape: Says how long a step is.
    """

    def __init__(self, shape: DemucsShape) -> None:
        self._step = shape.step_samples
        self._longest = round(LEVEL_SECONDS * shape.steps_per_second)
        self._n_steps = 0
        self._mean: NDArray[np.float32] | None = None

    def advance(self, x: Tensor) -> Tensor:
        """Levels from the next steps on, each of which counts itself.

        Args:
            x: Shape (n_sequences, step_samples * n_steps).

        Returns:
            One for each step, shape (n_sequences, n_steps).
        """
        magnitudes = x.reshape(len(x), -1, self._step).abs().mean(dim=-1)
        # Thousands of tiny steps, which NumPy is called for five times faster.
        means = magnitudes.T.cpu().numpy().copy()
        before = np.zeros_like(means[0]) if self._mean is None else self._mean
        for row in means:
            self._n_steps += 1
            row[:] = before + (row - before) / min(self._n_steps, self._longest)
            before = row
        self._mean = before
        return torch.from_numpy(means).T.to(x.device).clamp_min(QUIETEST)


@dataclass
class Front:
    """Sound to the network's rate and level; states move on with every piece.

    Attributes:
        shape: Sizes of the network.
        n_sequences: Sounds side by side.
    """

    shape: DemucsShape
    n_sequences: int = 1
    _level: Level = field(init=False)
    _pasts: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self._level = Level(self.shape)
        self._taps = sinc_taps()
        self._pasts = [torch.zeros(self.n_sequences, 2 * SINC_ZEROS - 1) for _ in range(self.shape.n_doublings)]

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take in whole steps.

        Args:
            x: Shape (n_sequences, step_samples * n_steps).

        Returns:
            Sound at the network's level, at its rate, of shape (n_sequences, upsampling * n_samples), with levels of
            shape (n_sequences, n_steps).
        """
        levels = self._level.advance(x)
        x = at_level(x, 1 / levels)
        for k, past in enumerate(self._pasts):
            x, self._pasts[k] = upsampled(x, past, self._taps)
        return x, levels


@dataclass
class Back:
    """The network's output to sound as it is played; states move on with every piece.

    Attributes:
        shape: Sizes of the network.
        n_sequences: Sounds side by side.
    """

    shape: DemucsShape
    n_sequences: int = 1
    _pasts: list[Tensor] = field(init=False)
    _gains: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._taps = sinc_taps()
        self._pasts = [torch.zeros(self.n_sequences, 4 * SINC_ZEROS) for _ in range(self.shape.n_doublings)]
        # Sound comes out later than the level that it had when it came in.
        self._gains = torch.zeros(self.n_sequences, self.shape.resampling_delay)

    def __call__(self, y: Tensor, levels: Tensor) -> Tensor:
        """Give out whole steps, `resampling_delay` samples late.

        Args:
            y: What the network makes of a piece, shape (n_sequences, upsampling * n_samples).
            levels: What it was divided by, shape (n_sequences, n_steps).

        Returns:
            Shape (n_sequences, n_samples).
        """
        for k, past in enumerate(self._pasts):
            y, self._pasts[k] = downsampled(y, past, self._taps)
        gains = torch.cat([self._gains.to(y), levels.repeat_interleave(self.shape.step_samples, dim=1)], dim=1)
        self._gains = gains[:, y.shape[1] :]
        return y * gains[:, : y.shape[1]]


def at_level(x: Tensor, gains: Tensor) -> Tensor:
    """Every step times its gain."""
    steps = x.reshape(*gains.shape, -1) * gains[..., None]
    return steps.flatten(1)


def padded_length(shape: DemucsShape, n_samples: int) -> int:
    """Whole steps that a sound takes until its last sample has come out again."""
    step = shape.step_samples
    return -(-(n_samples + shape.resampling_delay) // step) * step
