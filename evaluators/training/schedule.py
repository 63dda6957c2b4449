"""The learning rate over time."""

from __future__ import annotations

import math

WARM_UP = 0.1
"""Share of all updates over which the learning rate rises to its peak."""


def share_of_peak(progress: float) -> float:
    """The learning rate at a share of all updates: rises along a line, falls along a cosine to 0."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - WARM_UP) / (1.0 - WARM_UP)))
