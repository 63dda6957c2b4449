"""Constraints that only an evaluation tells: what is learned of each from how far it is kept or exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from search.optimizers import Observation
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.feasibility import MOST, Feasibility
from spaces import Continuous, Space

SPACE = Space((Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)), {"x": 0.0, "y": 0.0})
ENCODING = Encoding(SPACE)
INSIDE, OUTSIDE = [[0.8, 0.2], [0.6, 0.4]], [[0.05, 0.2], [0.8, 0.95], [0.05, 0.95]]


def observed(x: float, y: float, is_told: bool = True) -> Observation:
    """Kept where x >= 0.3 and y <= 0.7."""
    excesses = (0.3 - x, y - 0.7)
    violation = sum(max(e, 0.0) for e in excesses)
    return Observation({"x": x, "y": y}, (x, y), violation, excesses if is_told else ())


def learned(observations: list[Observation]) -> tuple[Data, Feasibility]:
    data, feasibility = Data(ENCODING, 2), Feasibility(ENCODING)
    data.add(observations)
    feasibility.fit(data, np.zeros(len(data), dtype=bool))
    return data, feasibility


def points(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).random((n, 2))


@pytest.mark.parametrize("is_told", [True, False])
def test_what_keeps_to_the_bounds_is_told_from_what_does_not(is_told: bool) -> None:
    _, feasibility = learned([observed(x, y, is_told) for x, y in points(40)])
    assert (feasibility(np.array(INSIDE)) > 0.9).all()
    assert (feasibility(np.array(OUTSIDE)) < 0.1).all()


def test_a_bound_is_found_beyond_what_was_tried() -> None:
    # Only one trial is just beyond it; told how far the others keep to it, the model goes on along the line.
    tried = [observed(x, 0.0) for x in (0.29, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)]
    _, feasibility = learned(tried)
    far, near = feasibility(np.array([[0.1, 0.0], [0.45, 0.0]]))
    assert far < 0.2
    assert near > 0.9


def test_a_bound_that_is_always_kept_takes_no_model() -> None:
    _, feasibility = learned([observed(x, 0.2) for x in np.linspace(0.4, 1.0, 9)])
    assert (feasibility(points(5)) == 1.0).all()


def test_failures_are_learned_beside_what_is_told() -> None:
    tried = [observed(x, 0.2) if x < 0.6 else Observation({"x": x, "y": 0.2}, None) for x in np.linspace(0, 1, 21)]
    _, feasibility = learned(tried)
    broken, kept, failed = feasibility(np.array([[0.1, 0.2], [0.45, 0.2], [0.9, 0.2]]))
    assert max(broken, failed) < 0.2
    assert kept > 0.8


def test_excesses_that_are_not_there_or_no_numbers_leave_gaps() -> None:
    strange = Observation({"x": 0.5, "y": 0.5}, (0.0, 0.0), 0.0, (np.inf, np.nan))
    data, feasibility = learned([observed(0.1, 0.1, is_told=False), observed(0.2, 0.9), strange])
    np.testing.assert_allclose(data.excesses, [[np.nan, np.nan], [0.1, 0.2], [np.nan, np.nan]])
    assert np.isfinite(feasibility(points(5))).all()


def test_what_was_told_is_not_forgotten_behind_many_failures() -> None:
    failed = [Observation({"x": x, "y": 0.9}, None) for x in np.linspace(0, 1, 2 * MOST)]
    _, feasibility = learned([*(observed(x, 0.2) for x in np.linspace(0, 1, 21)), *failed])
    broken, kept = feasibility(np.array([[0.05, 0.2], [0.9, 0.2]]))
    assert broken < 0.2 < kept


def test_what_is_taken_settles_its_neighbours() -> None:
    _, feasibility = learned([observed(x, y) for x, y in points(9)])
    candidates = np.array([[0.27, 0.4], [0.27, 0.401], [0.95, 0.05]])
    chance = feasibility.jointly(candidates)
    before = chance()
    np.testing.assert_allclose(before, feasibility(candidates), atol=1e-5)
    chance.take(0)
    # It is expected to break the bound: where it does, there is nothing beside it.
    assert 0.01 < before[1] < 0.5
    assert chance()[1] < 0.2 * before[1]
    assert abs(chance()[2] - before[2]) < 0.1
