"""Pareto fronts: what is not dominated, how much they dominate, and their knee. Everything here is minimized."""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""Objective values to minimize, shape (n_points, n_objectives)."""


def front_indices(values: Values) -> NDArray[np.intp]:
    """Indices of the non-dominated points, in rising order; of equal points only the first."""
    if len(values) == 0:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(moocore.is_nondominated(values))


def hypervolume(values: Values, reference_point: NDArray[np.float64]) -> float:
    """Volume dominated by the points and bounded by the reference point; points beyond it add nothing.

    0 for a reference point that is not finite: there was nothing to derive it from.
    """
    if not np.isfinite(reference_point).all():
        return 0.0
    inside = values[np.all(values < reference_point, axis=1)] if len(values) else values
    return float(moocore.hypervolume(inside, ref=reference_point)) if len(inside) else 0.0


def knee_index(values: Values) -> int:
    """The point farthest from the plane through the extremes of a front.

    With every objective scaled to [0, 1] over the front this is the point with the least sum (I. Das, "On
    characterizing the knee of the Pareto curve", 1999, for a convex front). The first one on a tie.

    Raises:
        ValueError: If there is no point.
    """
    if len(values) == 0:
        raise ValueError("an empty front has no knee")
    span = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0)
    return int(np.argmin(scaled.sum(axis=1)))


class FrontTracker:
    """Keeps the front while points arrive; the effort for a batch follows the front, not the points so far.

    Args:
        reference_point: Corner of the hypervolume, shape (n_objectives,).
    """

    def __init__(self, reference_point: NDArray[np.float64]) -> None:
        self._reference_point = reference_point
        self._front: Values = np.empty((0, len(reference_point)))

    def add(self, values: Values) -> None:
        """Take in a batch of points."""
        points = np.concatenate([self._front, values])
        self._front = points[front_indices(points)]

    def __len__(self) -> int:
        return len(self._front)

    @property
    def hypervolume(self) -> float:
        """Hypervolume of the front so far."""
        return hypervolume(self._front, self._reference_point)
