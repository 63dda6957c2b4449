"""What a guided search was told, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from search.optimizers.base import Observation
from search.optimizers.guided.encoding import Codes, Encoding
from search.pareto import front_indices

Floats = NDArray[np.float64]
MOST_FOR_MODEL = 400
"""Observations that a model sees; the best of them, the latest, and some of all."""


class Data:
    """Observations in the order they were told; of one configuration only the first.

    Args:
        encoding: Of the knobs.
        n_objectives: Length of the values.
    """

    def __init__(self, encoding: Encoding, n_objectives: int) -> None:
        self._encoding = encoding
        self._keys: set[bytes] = set()
        self.codes: Codes = np.empty((0, encoding.n_knobs))
        self.values: Floats = np.empty((0, n_objectives))
        self.violations: Floats = np.empty(0)
        self.excesses: Floats = np.empty((0, 0))

    def __len__(self) -> int:
        return len(self.codes)

    def add(self, observations: Sequence[Observation]) -> None:
        """Take in observations; values that are no finite numbers count as not there (NaN)."""
        codes = self._encoding.codes([o.configuration for o in observations])
        rows = []
        for row, (key, observation) in enumerate(zip(self._encoding.keys(codes), observations, strict=True)):
            if key not in self._keys:
                self._keys.add(key)
                rows.append((row, observation))
        if not rows:
            return
        n_objectives = self.values.shape[1]
        values = np.array([o.values or (np.nan,) * n_objectives for _, o in rows], dtype=np.float64)
        # Differences of larger numbers would overflow.
        values = np.where(np.abs(values) < 1e150, values, np.nan)
        values[~np.isfinite(values).all(axis=1)] = np.nan
        self.codes = np.concatenate([self.codes, codes[[row for row, _ in rows]]])
        self.values = np.concatenate([self.values, values])
        self.violations = np.concatenate([self.violations, [_finite(o.violation) for _, o in rows]])
        self._add_excesses([o.excesses for _, o in rows])

    def _add_excesses(self, told: Sequence[tuple[float, ...]]) -> None:
        """NaN where nobody told."""
        before = self.excesses
        found = np.full((len(before) + len(told), max([before.shape[1], *map(len, told)])), np.nan)
        found[: len(before), : before.shape[1]] = before
        for row, excesses in enumerate(told, len(before)):
            found[row, : len(excesses)] = excesses
        self.excesses = np.where(np.abs(found) < 1e9, found, np.nan)

    @property
    def is_measured(self) -> NDArray[np.bool_]:
        """Which have values."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def is_feasible(self) -> NDArray[np.bool_]:
        """Which have values and keep to every constraint."""
        return np.asarray(self.is_measured & (self.violations <= 0))

    def front(self) -> NDArray[np.intp]:
        """Indices of the feasible front."""
        feasible = np.flatnonzero(self.is_feasible)
        return feasible[front_indices(self.values[feasible])]

    def for_model(self) -> NDArray[np.intp]:
        """Indices of measured observations that a model is fitted to, the best last."""
        measured = np.flatnonzero(self.is_measured)
        order = self.by_rank(measured)
        if len(measured) <= MOST_FOR_MODEL:
            return order[::-1]
        best, latest = order[: MOST_FOR_MODEL // 2], measured[-MOST_FOR_MODEL // 4 :]
        rest = np.setdiff1d(measured, np.union1d(best, latest))
        some = rest[np.linspace(0, len(rest) - 1, MOST_FOR_MODEL // 4).astype(int)] if len(rest) else rest
        kept = np.isin(order, np.union1d(np.union1d(best, latest), some))
        return order[kept][::-1]

    def by_rank(self, indices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Sorted by non-dominated rank, infeasible ones last, later ones first among equals."""
        if len(indices) == 0:
            return indices
        ranks = moocore.pareto_rank(self.values[indices]).astype(float)
        ranks += np.where(self.violations[indices] > 0, 1e6 + self.violations[indices], 0.0)
        return indices[np.lexsort((-indices, ranks))]


def _finite(violation: float) -> float:
    return float(min(max(violation, 0.0), 1e9)) if np.isfinite(violation) else 1e9
