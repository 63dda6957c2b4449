"""The learning rate over time, and the seed of every update."""

from __future__ import annotations

import math

WARM_UP = 0.1
"""Share of all updates over which the learning rate rises to its peak."""


def share_of_peak(progress: float) -> float:
    """The learning rate at a share of all updates: rises along a line, falls along a cosine to 0."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - WARM_UP) / (1.0 - WARM_UP)))


def mixed_seed(seed: int, update: int) -> int:
    """The seed of an update, from that of the training.

    Seeds that differ in a few low bits give generators that start out alike; a hash-like mix keeps them apart.
    """
    return (seed * 1_000_003 + update + 1) * 0x9E3779B97F4A7C15 % 2**63
