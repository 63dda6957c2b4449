"""Fronts, hypervolumes and knees."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from search.pareto import FrontTracker, front_indices, hypervolume, knee_index

Values = NDArray[np.float64]


def points(n_objectives: int = 2, largest: int = 6, max_size: int = 10) -> st.SearchStrategy[Values]:
    """Whole numbers, so that ties are frequent and sums are exact."""
    shapes = st.tuples(st.integers(0, max_size), st.just(n_objectives))
    return arrays(np.float64, shapes, elements=st.integers(0, largest).map(float))


any_points = st.integers(1, 4).flatmap(points)


def dominates(a: Values, b: Values) -> bool:
    return bool(np.all(a <= b) and np.any(a < b))


def brute_volume(values: Values, corner: Values) -> float:
    """Count the unit cells below the corner that some point dominates."""
    cells = itertools.product(*(range(int(c)) for c in corner))
    return float(sum(any(np.all(p <= np.array(cell)) for p in values) for cell in cells))


def array(*rows: tuple[float, ...]) -> Values:
    return np.array(rows, dtype=np.float64)


def test_front_worked_by_hand() -> None:
    # (2, 2) dominates (3, 2) and (2, 3); of the equal ones the first counts.
    assert front_indices(array((3, 2), (1, 4), (2, 2), (2, 3), (4, 1), (2, 2))).tolist() == [1, 2, 4]


def test_front_of_nothing_and_of_one_point() -> None:
    assert front_indices(np.empty((0, 2))).tolist() == []
    assert front_indices(array((5, 5))).tolist() == [0]


@given(any_points)
def test_front_equals_comparison_of_all_pairs(values: Values) -> None:
    expected = [
        i
        for i, p in enumerate(values)
        if not any(dominates(q, p) for q in values) and not any(np.array_equal(q, p) for q in values[:i])
    ]
    assert front_indices(values).tolist() == expected


@given(any_points)
def test_the_front_of_a_front_is_itself(values: Values) -> None:
    front = values[front_indices(values)]
    assert front_indices(front).tolist() == list(range(len(front)))


def test_hypervolume_worked_by_hand() -> None:
    # Below (4, 4): (1, 3) adds 3 x 1, (2, 2) adds 2 x 1 more, (3, 1) adds 1 x 1 more.
    assert hypervolume(array((1, 3), (2, 2), (3, 1)), np.array([4.0, 4.0])) == 6.0
    assert hypervolume(array((1, 1, 1)), np.array([2.0, 3.0, 4.0])) == 6.0
    assert hypervolume(array((3,), (1,)), np.array([4.0])) == 3.0


@pytest.mark.parametrize("values", [np.empty((0, 2)), array((5, 0)), array((4, 4)), array((4, 0))])
def test_what_does_not_lie_below_the_corner_adds_nothing(values: Values) -> None:
    assert hypervolume(values, np.array([4.0, 4.0])) == 0.0


def test_without_a_corner_there_is_no_volume() -> None:
    assert hypervolume(array((1, 1)), np.full(2, np.inf)) == 0.0


@given(points(3, largest=5, max_size=6))
def test_hypervolume_equals_counting_cells(values: Values) -> None:
    corner = np.array([5.0, 4.0, 5.0])
    assert hypervolume(values, corner) == brute_volume(values, corner)


@given(points(3), points(3, max_size=1))
def test_another_point_never_lowers_the_hypervolume(values: Values, more: Values) -> None:
    corner = np.full(3, 6.0)
    assert hypervolume(np.concatenate([values, more]), corner) >= hypervolume(values, corner)


@given(any_points)
def test_only_the_front_counts(values: Values) -> None:
    corner = np.full(values.shape[1], 6.0)
    assert hypervolume(values[front_indices(values)], corner) == hypervolume(values, corner)


@given(st.lists(points(2), max_size=5))
def test_a_front_kept_batch_by_batch_equals_the_front_of_all(batches: list[Values]) -> None:
    corner = np.full(2, 7.0)
    tracker = FrontTracker(corner)
    for batch in batches:
        tracker.add(batch)
    together = np.concatenate([np.empty((0, 2)), *batches])
    assert len(tracker) == len(front_indices(together))
    assert tracker.hypervolume == hypervolume(together, corner)


def test_knee_worked_by_hand() -> None:
    # Scaled to [0, 1]: (0, 1), (0.1, 0.2), (0.5, 0.1), (1, 0). The sums are 1, 0.3, 0.6 and 1.
    assert knee_index(array((0, 100), (1, 20), (5, 10), (10, 0))) == 1


@pytest.mark.parametrize(
    ("values", "knee"),
    [(array((3, 7)), 0), (array((3, 7), (3, 7)), 0), (array((0, 5), (1, 5)), 0), (array((2,), (1,)), 1)],
)
def test_knee_of_short_and_flat_fronts(values: Values, knee: int) -> None:
    assert knee_index(values) == knee


def test_an_empty_front_has_no_knee() -> None:
    with pytest.raises(ValueError, match="an empty front has no knee"):
        knee_index(np.empty((0, 2)))


@given(points(3, max_size=8).filter(len), st.tuples(*[st.sampled_from([0.5, 2.0, 1024.0])] * 3))
def test_the_knee_does_not_depend_on_units(values: Values, scale: Any) -> None:
    front = values[front_indices(values)]
    assert knee_index(front) == knee_index(front * np.array(scale))
