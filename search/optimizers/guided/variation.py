"""New candidates from a pool: moves, swaps and crossover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.encoding import Codes, Encoding

Floats = NDArray[np.float64]
MOST_MOVED = 3
"""Knobs that a move changes at most."""
STRIDES = (0.3, 0.1, 0.03, 0.01)
"""Standard deviations of a continuous knob's move, in units of its interval."""


class Variation:
    """Draws children.

    Args:
        encoding: Of the knobs.
        rng: Source of random draws.
    """

    def __init__(self, encoding: Encoding, rng: np.random.Generator) -> None:
        self._encoding = encoding
        self._rng = rng

    def children(self, pool: Codes, n: int) -> Codes:
        """About `n` children of a pool whose rows lie along the cost axis: neighbours are alike in cost."""
        n_knobs = self._encoding.n_knobs
        parents = self._rng.integers(len(pool), size=n)
        rows = pool[parents].copy()
        crossed = np.arange(n) % 3 == 0
        mates = np.clip(parents + self._rng.integers(-5, 6, size=n), 0, len(pool) - 1)
        take = (self._rng.random((n, n_knobs)) < 0.5) & crossed[:, None]
        rows = np.where(take, pool[mates], rows)
        swapped = np.arange(n) % 3 == 1
        # A crossed child moves now and then, the others always.
        moved = ~crossed | (self._rng.random(n) < 0.5)
        counts = np.where(swapped, 2, 1 + self._rng.integers(MOST_MOVED, size=n)) * moved
        order = np.argsort(self._rng.random((n, n_knobs)), axis=1)
        stride = np.array(STRIDES)[self._rng.integers(len(STRIDES), size=n)]
        direction = np.where(self._rng.random((n, n_knobs)) < 0.5, 1.0, -1.0)
        # A swap moves one knob up and another down, so that costs stay about the same.
        first = np.where(self._rng.random(n) < 0.5, 1.0, -1.0)
        for place in range(min(MOST_MOVED, n_knobs)):
            which = np.flatnonzero(counts > place)
            knob = order[which, place]
            sign = np.where(swapped[which], first[which] * (1.0 if place == 0 else -1.0), direction[which, place])
            rows[which, knob] = self._moved(rows[which, knob], knob, sign, stride[which])
        return self._encoding.rounded(rows)

    def _moved(
        self,
        values: NDArray[np.float64],
        knobs: NDArray[np.intp],
        sign: NDArray[np.float64],
        stride: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        upper = self._encoding.upper[knobs]
        real = values + sign * np.abs(self._rng.normal(size=len(values))) * stride
        label = np.floor(self._rng.random(len(values)) * (upper + 1))
        listed = np.where(self._encoding.is_label[knobs], label, values + sign)
        # At an end, a level turns back.
        listed = np.where(
            listed < 0, np.minimum(1.0, upper), np.where(listed > upper, np.maximum(upper - 1, 0), listed)
        )
        return np.where(self._encoding.is_real[knobs], real, listed)
