"""The metrics that are known by name: which way is better, and in what unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["min", "max"]


@dataclass(frozen=True)
class Metric:
    """A measure of quality.

    Attributes:
        direction: `min` if less is better.
        description: One line for people, with the unit or range.
    """

    direction: Direction
    description: str = ""


METRICS: Mapping[str, Metric] = {
    "error_rate": Metric("min", "share of examples classified wrongly, 0 to 1"),
    "accuracy": Metric("max", "share of examples classified rightly, 0 to 1"),
}
