"""Sizes of a slimmable DEMUCS, and what its blocks are called; free of torch, which is slow to import."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from evaluators.speech.sound import SAMPLE_RATE_HZ

Preset = Literal["paper", "small"]
SINC_ZEROS = 56
"""Zero crossings on either side of a resampler's filter, which thus has twice as many taps."""


@dataclass(frozen=True)
class DemucsShape:
    """Sizes of the network.

    Attributes:
        hidden: Channels of the first block; each further one has twice as many.
        depth: Blocks of the encoder, and of the decoder.
        kernel: Taps of a strided convolution, a multiple of the stride.
        stride: Frames between two outputs.
        upsampling: What the sampling rate is multiplied by before the first block; a power of two.
        groups: Recurrent units side by side in the bottleneck, each on its share of the channels.
        ufs: Utilization factors that the network is trained for, rising, in (0, 1].
        has_input_skip: What the network gives out is added to what it heard, which a short training profits from.
    """

    hidden: int
    depth: int = 5
    kernel: int = 8
    stride: int = 4
    upsampling: int = 4
    groups: int = 4
    ufs: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0)
    has_input_skip: bool = False

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each block of the encoder."""
        return tuple(self.hidden * 2**i for i in range(self.depth))

    @property
    def inputs(self) -> tuple[int, ...]:
        """Channels that each block of the encoder reads, and that its counterpart in the decoder writes."""
        return (1, *self.channels[:-1])

    @property
    def levels(self) -> tuple[int, ...]:
        """Level of each block, from 0, in the order in which they run: down through the encoder, up again."""
        down = tuple(range(self.depth))
        return (*down, *reversed(down))

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks in the order in which they run: `encoder1`, ..., `decoder1`."""
        parts = ["encoder"] * self.depth + ["decoder"] * self.depth
        return tuple(f"{part}{level + 1}" for part, level in zip(parts, self.levels, strict=True))

    @property
    def step_samples(self) -> int:
        """Samples of sound for one step of the bottleneck, which is one inference."""
        return int(self.stride**self.depth // self.upsampling)

    @property
    def steps_per_second(self) -> float:
        """Inferences for a second of sound."""
        return SAMPLE_RATE_HZ / self.step_samples

    @property
    def n_doublings(self) -> int:
        """Resamplers by two, before the encoder and after the decoder each."""
        return self.upsampling.bit_length() - 1

    @property
    def resampling_delay(self) -> int:
        """Samples by which all resamplers together delay the sound."""
        # Each waits for SINC_ZEROS samples of its slower side.
        return sum(2 * SINC_ZEROS >> k for k in range(self.n_doublings))

    @property
    def delay_ms(self) -> float:
        """From when a sample is heard to when it is played, if computing took no time."""
        return 1000 * (self.step_samples + self.resampling_delay) / SAMPLE_RATE_HZ

    def frames_per_step(self, level: int) -> int:
        """Frames that a block of this level computes for one step of the bottleneck."""
        return int(self.stride ** (self.depth - 1 - level))

    def n_kept(self, level: int, uf: float) -> int:
        """Channels that a block keeps.

        >>> DemucsShape(32).n_kept(0, 0.125), DemucsShape(12).n_kept(0, 0.125)
        (4, 2)
        """
        return max(1, math.ceil(self.channels[level] * uf))


PRESETS: Mapping[Preset, DemucsShape] = {
    "paper": DemucsShape(hidden=32),
    "small": DemucsShape(hidden=16, depth=4, upsampling=1, has_input_skip=True),
}
"""As published (arXiv 2507.04879), and small enough to train in minutes; both decide every 16 ms."""


def shape_errors(shape: DemucsShape) -> list[str]:
    """What is wrong with the sizes, each in one line; none if they fit together."""
    return [
        *uf_errors(shape.ufs),
        *(
            told
            for is_wrong, told in (
                (shape.kernel % shape.stride != 0, f"kernel {shape.kernel} is no multiple of stride {shape.stride}"),
                (shape.upsampling & (shape.upsampling - 1) != 0, f"upsampling {shape.upsampling} is no power of two"),
                (
                    shape.stride**shape.depth % shape.upsampling != 0,
                    f"a step of {shape.stride}^{shape.depth} upsampled samples is no whole number of samples at "
                    f"upsampling {shape.upsampling}",
                ),
                (
                    shape.channels[-1] % shape.groups != 0,
                    f"{shape.groups} groups do not divide the {shape.channels[-1]} channels of the bottleneck",
                ),
            )
            if is_wrong
        ),
    ]


def uf_errors(ufs: Sequence[float]) -> list[str]:
    """What is wrong with a choice of utilization factors; none if they rise within (0, 1]."""
    wild = [uf for uf in ufs if not 0 < uf <= 1]
    if wild:
        return [f"utilization factor {wild[0]:g} is not above 0 and at most 1"]
    if any(b <= a for a, b in pairwise(ufs)):
        return [f"utilization factors must rise, got {', '.join(f'{uf:g}' for uf in ufs)}"]
    return [] if ufs else ["there must be a utilization factor"]
