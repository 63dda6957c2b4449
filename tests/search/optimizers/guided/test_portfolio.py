"""Who may choose how much of a batch."""

from __future__ import annotations

import numpy as np
import pytest

from search.optimizers import Observation
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.portfolio import Portfolio
from spaces import Ordered, Space

CORNER = np.array([1.0, 1.0])


@pytest.fixture
def encoding() -> Encoding:
    return Encoding(Space((Ordered("a", tuple(range(10))),), {"a": 0}))


def after(encoding: Encoding, found: dict[int, tuple[bool, tuple[float, float]]]) -> Portfolio:
    """A portfolio after one batch: level -> whether it was bred, and its values; (0.5, 0.5) was known before."""
    data = Data(encoding, 2)
    data.add([Observation({"a": 9}, (0.5, 0.5))])
    portfolio = Portfolio(encoding)
    keys = encoding.keys(np.array([[float(level)] for level in found]))
    for key, (is_bred, _) in zip(keys, found.values(), strict=True):
        portfolio.chosen([key], is_bred)
    portfolio.learn(keys, np.array([values for _, values in found.values()]), data, CORNER)
    return portfolio


def test_before_anything_is_known_little_is_bred(encoding: Encoding) -> None:
    assert Portfolio(encoding).n_bred(10) == 1


def test_shares_go_by_what_a_candidate_has_added(encoding: Encoding) -> None:
    # (0.4, 0.5) adds 0.1 * 0.5, (0.2, 0.5) adds 0.3 * 0.5: bred ones are worth three times as much.
    portfolio = after(encoding, {0: (False, (0.4, 0.5)), 1: (True, (0.2, 0.5))})
    assert [portfolio.n_bred(n) for n in (4, 8, 100)] == [3, 6, 75]


def test_neither_is_ever_left_out(encoding: Encoding) -> None:
    worst = (float("nan"), float("nan"))
    assert after(encoding, {0: (False, (0.4, 0.5)), 1: (True, worst)}).n_bred(10) == 1
    assert after(encoding, {0: (False, worst), 1: (True, (0.4, 0.5))}).n_bred(10) == 8
    assert after(encoding, {0: (False, worst), 1: (True, worst)}).n_bred(10) == 5
