"""Expected hypervolume improvement over boxes, for exact and uncertain objectives side by side.

The space that the front does not dominate is cut into boxes, slab by slab of the last objective. What a point adds in a
box is a product over objectives, and so is its expectation where objectives are independent (M. Emmerich et al.,
"Hypervolume-based expected improvement", 2011). An uncertain objective is given by a few weighted values: any
transform of a normal distribution then costs the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.pareto import front_indices

Floats = NDArray[np.float64]
MOST_POINTS = {1: 1, 2: 400, 3: 60, 4: 22}
"""Front points that are kept, by the number of objectives: boxes grow with a power of it."""
FEWEST_POINTS = 12
BOXES_AT_ONCE = 2_000_000
"""Products of rows and boxes held in memory."""


@dataclass(frozen=True)
class Spread:
    """Weighted values of one objective for several points.

    Attributes:
        values: Shape (n_points, n_values); one value where it is exact.
        weights: Shape (n_values,), sum 1.
    """

    values: Floats
    weights: Floats

    @classmethod
    def exact(cls, values: Floats) -> Spread:
        """Known values, shape (n_points,)."""
        return cls(values[:, None], np.ones(1))

    def shortfall(self, bounds: Floats) -> Floats:
        """Expectation of max(bound - value, 0), shape (n_points, n_bounds)."""
        total = np.zeros((len(self.values), len(bounds)))
        for column, weight in zip(self.values.T, self.weights, strict=True):
            total += weight * np.maximum(bounds[None, :] - column[:, None], 0.0)
        return total


class Improvement:
    """What points would add to the hypervolume of a front.

    Args:
        front: Values of the front, shape (n_points, n_objectives); points beyond the corner are dropped.
        corner: Reference point.
    """

    def __init__(self, front: Floats, corner: Floats) -> None:
        inside = front[np.all(front < corner, axis=1)]
        inside = thinned(inside[front_indices(inside)], MOST_POINTS.get(len(corner), FEWEST_POINTS))
        self._edges = [np.r_[np.unique(inside[:, k]), corner[k]] for k in range(len(corner))]
        places = np.array([np.searchsorted(e, inside[:, k]) for k, e in enumerate(self._edges)]).T
        places = places.reshape(-1, len(corner)).astype(np.intp)
        self._lower, self._upper = _boxes(places, [len(e) - 1 for e in self._edges])

    def __call__(self, objectives: Sequence[Spread]) -> Floats:
        """Expected improvement of each point, shape (n_points,)."""
        # Index -1 of a lower bound is minus infinity, of which nothing falls short.
        sums = [np.c_[s.shortfall(e), np.zeros(len(s.values))] for s, e in zip(objectives, self._edges, strict=True)]
        rows = max(1, BOXES_AT_ONCE // max(len(self._lower), 1))
        parts = [self._of([s[i : i + rows] for s in sums]) for i in range(0, len(sums[0]), rows)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _of(self, sums: list[Floats]) -> Floats:
        product = np.ones((len(sums[0]), len(self._lower)))
        for k, total in enumerate(sums):
            side = total[:, self._upper[:, k]]
            side -= total[:, self._lower[:, k]]
            product *= side
        return np.asarray(product.sum(axis=1))


Boxes = tuple[NDArray[np.intp], NDArray[np.intp]]


def _boxes(places: NDArray[np.intp], ends: Sequence[int]) -> Boxes:
    """Boxes of indices that cover what no point dominates, from -1 (unbounded) to each objective's end.

    Returns:
        Lower and upper corners, shape (n_boxes, n_objectives) each.
    """
    if len(ends) == 1:
        return np.array([[-1]]), np.array([[int(places.min()) if len(places) else ends[0]]])
    if len(ends) == 2:
        return _stairs(places, ends)
    lower, upper = [], []
    below = -1
    for level in [*np.unique(places[:, -1]).tolist(), ends[-1]]:
        # Between two levels of the last objective the points at lower levels dominate.
        low, high = _boxes(_minimal(places[places[:, -1] <= below][:, :-1]), ends[:-1])
        lower.append(_with_column(low, below))
        upper.append(_with_column(high, level))
        below = level
    return np.concatenate(lower), np.concatenate(upper)


def _with_column(rows: NDArray[np.intp], value: int) -> NDArray[np.intp]:
    wider = np.empty((len(rows), rows.shape[1] + 1), dtype=np.intp)
    wider[:, :-1], wider[:, -1] = rows, value
    return wider


def _stairs(places: NDArray[np.intp], ends: Sequence[int]) -> Boxes:
    """The boxes of two objectives: one slab for every level of the second, up to the best so far of the first."""
    ordered = places[np.lexsort((places[:, 0], places[:, 1]))]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:, 1] > ordered[:-1, 1]
    # Filled in place: this is called for every slab of every front.
    n = np.count_nonzero(first) + 1
    lower, upper = np.full((n, 2), -1, dtype=np.intp), np.empty((n, 2), dtype=np.intp)
    upper[0, 0], upper[-1, 1] = ends[0], ends[1]
    upper[1:, 0] = np.minimum.accumulate(ordered[:, 0])[first]
    lower[1:, 1] = upper[:-1, 1] = ordered[first, 1]
    return lower, upper


def _minimal(places: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(places) < 2:
        return places
    return places[front_indices(places.astype(np.float64))]


def thinned(front: Floats, most: int) -> Floats:
    """At most so many points of a front, far from each other, the best in each objective first."""
    if len(front) <= most:
        return front
    scaled = (front - front.min(axis=0)) / np.maximum(np.ptp(front, axis=0), 1e-300)
    chosen = list(dict.fromkeys(int(i) for i in scaled.argmin(axis=0)))[:most]
    distance = np.min([np.abs(scaled - scaled[i]).sum(axis=1) for i in chosen], axis=0)
    while len(chosen) < most:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(scaled - scaled[chosen[-1]]).sum(axis=1))
    return front[chosen]
