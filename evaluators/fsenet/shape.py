"""Sizes of a Conv-FSENet, and what its blocks are called; free of torch, which is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evaluators.speech.frames import ALGORITHMIC_DELAY_MS, HOP_SAMPLES, N_BINS
from evaluators.speech.sound import SAMPLE_RATE_HZ

Preset = Literal["paper", "small"]
Gating = Literal["dynamic", "static"]
Features = Literal["log_power", "magnitude"]
KERNEL = 3


@dataclass(frozen=True)
class FsenetShape:
    """Sizes of the network.

    Attributes:
        bottleneck: Channels between the blocks; those that gates prune.
        hidden: Channels within a block.
        gate_units: Hidden units of a gate.
        gate_frames: Frames that a gate averages over.
        is_causal: No frame waits for a later one.
        gating: Whether a gate looks at its input, or has one score a channel.
        features: What the network reads of a spectrum.
        n_stacks: Times that the dilations are gone through.
        dilations: Of the blocks of a stack.
        n_bins: Bins of a spectrum.
    """

    bottleneck: int
    hidden: int
    gate_units: int = 8
    gate_frames: int = 5
    is_causal: bool = True
    gating: Gating = "dynamic"
    features: Features = "log_power"
    n_stacks: int = 3
    dilations: tuple[int, ...] = (1, 2, 4)
    n_bins: int = N_BINS

    @property
    def block_dilations(self) -> tuple[int, ...]:
        """The dilation of every block."""
        return self.dilations * self.n_stacks

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, in order: `stack0_block0`, ..."""
        return tuple(f"stack{s}_block{b}" for s in range(self.n_stacks) for b in range(len(self.dilations)))

    @property
    def look_ahead_frames(self) -> int:
        """Later frames that the network itself waits for."""
        if self.is_causal:
            return 0
        return sum(self.block_dilations) * (KERNEL // 2)

    @property
    def delay_ms(self) -> float:
        """From when a sample is heard to when it is played."""
        return ALGORITHMIC_DELAY_MS + 1000 * self.look_ahead_frames * HOP_SAMPLES / SAMPLE_RATE_HZ


PRESETS: Mapping[Preset, FsenetShape] = {
    "paper": FsenetShape(bottleneck=128, hidden=256),
    "small": FsenetShape(bottleneck=48, hidden=64),
}
"""As published (arXiv 2412.17121), and small enough to train in minutes."""
