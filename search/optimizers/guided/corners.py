"""Where the hypervolume ends: a near corner fills the middle of a front, a far one stretches its ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.data import Data
from search.pareto import front_indices

Floats = NDArray[np.float64]
NEAR, FAR = 0.1, 0.4
"""How far a corner lies beyond the worst of a front, in units of the front's spread."""


def near_corner(data: Data) -> Floats:
    """A tenth beyond the front; beyond everything measured where nothing is feasible or the front is a point."""
    front = _front(data)
    return np.asarray(front.max(axis=0) + NEAR * _unit(data, front))


def far_corner(data: Data, is_exact: NDArray[np.bool_]) -> Floats:
    """Further out, and beyond what may still belong to the front.

    That is the front of what is not feasible, which shows how much there is to find where little is feasible so far;
    and all that was measured of an exact cost, as what costs more may still turn out better.

    Args:
        data: What is known.
        is_exact: Which objectives are, shape (n_objectives,).
    """
    measured = data.values[data.is_measured]
    front = np.concatenate([_front(data), measured[front_indices(measured)]])
    worst = np.where(is_exact, measured.max(axis=0), front.max(axis=0))
    return np.asarray(worst + FAR * _unit(data, front))


def _front(data: Data) -> Floats:
    front = data.values[data.front()]
    return front if len(front) else data.values[data.is_measured]


def _unit(data: Data, front: Floats) -> Floats:
    """Spread of the front, or of what else there is."""
    spread = np.ptp(front, axis=0)
    spread = np.where(spread > 0, spread, np.ptp(data.values[data.is_measured], axis=0))
    return np.asarray(np.where(spread > 0, spread, np.maximum(np.abs(front.max(axis=0)), 1.0)))
