"""Where the hypervolume ends that candidates are judged by."""

from __future__ import annotations

import numpy as np

from search.optimizers import Observation
from search.optimizers.guided.corners import far_corner, near_corner
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from spaces import Ordered, Space

ENCODING = Encoding(Space((Ordered("a", tuple(range(10))),), {"a": 0}))
NONE = np.zeros(2, dtype=bool)


def measured(*rows: tuple[float, float, float]) -> Data:
    """Two values and a violation a row."""
    data = Data(ENCODING, 2)
    data.add([Observation({"a": i}, (x, y), violation) for i, (x, y, violation) in enumerate(rows)])
    return data


def test_a_near_corner_lies_a_tenth_beyond_the_front() -> None:
    data = measured((0.0, 4.0, 0.0), (2.0, 0.0, 0.0), (9.0, 9.0, 0.0))
    np.testing.assert_allclose(near_corner(data), [2.2, 4.4])


def test_a_far_corner_knows_what_is_not_feasible_yet() -> None:
    # (9, -1) is on the front of what is infeasible, (9, 9) is not.
    data = measured((0.0, 4.0, 0.0), (2.0, 0.0, 0.0), (9.0, -1.0, 1.0), (9.0, 9.0, 1.0))
    np.testing.assert_allclose(near_corner(data), [2.2, 4.4])
    np.testing.assert_allclose(far_corner(data, NONE), [9 + 0.4 * 9, 4 + 0.4 * 5])


def test_without_a_front_everything_counts() -> None:
    data = measured((0.0, 4.0, 1.0), (2.0, 6.0, 1.0))
    np.testing.assert_allclose(near_corner(data), [2.2, 6.2])
    point = measured((1.0, 1.0, 0.0), (3.0, 2.0, 0.0))
    np.testing.assert_allclose(near_corner(point), [1.2, 1.1])
    np.testing.assert_allclose(near_corner(measured((5.0, 0.0, 0.0))), [5.5, 0.1])


def test_a_far_corner_reaches_the_dearest_that_was_measured() -> None:
    # The second objective is a cost: what costs 9 was worse, and may be better in another form.
    data = measured((0.0, 4.0, 0.0), (2.0, 0.0, 0.0), (0.5, 9.0, 0.0))
    np.testing.assert_allclose(far_corner(data, np.array([False, True])), [2 + 0.4 * 2, 9 + 0.4 * 4])
    np.testing.assert_allclose(near_corner(data), [2.2, 4.4])
