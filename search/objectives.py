"""The objectives of a study: by name and direction for people, by sign inside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.metrics import Direction
from search.records import TrialRecord


@dataclass(frozen=True)
class Objectives:
    """Names and directions; the sign flips here and nowhere else.

    Attributes:
        names: In the order of the study file.
        directions: Name -> `min` or `max`.
    """

    names: tuple[str, ...]
    directions: Mapping[str, Direction]

    def minimized(self, record: TrialRecord) -> tuple[float, ...]:
        """The record's objective values, each so that less is better."""
        return tuple(self._sign(name) * record.value(name) for name in self.names)

    def minimized_known(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The same of what is known by name; NaN for the rest."""
        return tuple(self._sign(name) * values.get(name, math.nan) for name in self.names)

    def matrix(self, records: Sequence[TrialRecord]) -> NDArray[np.float64]:
        """Minimized values of several records, shape (n_records, n_objectives)."""
        return np.array([self.minimized(r) for r in records], dtype=np.float64).reshape(-1, len(self.names))

    def as_written(self, minimized: Sequence[float]) -> dict[str, float]:
        """Back to the values that people know, by name."""
        return {name: self._sign(name) * float(v) for name, v in zip(self.names, minimized, strict=True)}

    def _sign(self, name: str) -> float:
        return 1.0 if self.directions[name] == "min" else -1.0
