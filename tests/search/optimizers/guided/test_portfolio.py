"""Who may choose how much of a batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.optimizers import Observation
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.portfolio import Chooser, Portfolio
from spaces import Ordered, Space

CORNER = np.array([1.0, 1.0])
MODEL, BREEDING, CHANCE = Chooser


@pytest.fixture
def encoding() -> Encoding:
    return Encoding(Space((Ordered("a", tuple(range(10))),), {"a": 0}))


WORST = (float("nan"), float("nan"))
Told = tuple[Chooser, tuple[float, float]]


def after(encoding: Encoding, *told: Told) -> Portfolio:
    """A portfolio after one batch: who chose a candidate, and its values; (0.5, 0.5) was known before."""
    data = Data(encoding, 2)
    data.add([Observation({"a": 9}, (0.5, 0.5))])
    portfolio = Portfolio(encoding)
    keys = encoding.keys(np.arange(float(len(told)))[:, None])
    for key, (chooser, _) in zip(keys, told, strict=True):
        portfolio.chosen([key], chooser)
    portfolio.learn(keys, np.array([values for _, values in told]), data, CORNER)
    return portfolio


def test_before_anything_is_known_others_choose_little(encoding: Encoding) -> None:
    assert Portfolio(encoding).parts(10, [BREEDING]) == [1]
    assert Portfolio(encoding).parts(10, [BREEDING, CHANCE]) == [1, 1]


def test_shares_go_by_what_a_candidate_has_added(encoding: Encoding) -> None:
    # (0.4, 0.5) adds 0.1 * 0.5, (0.2, 0.5) adds 0.3 * 0.5: bred ones are worth three times as much.
    portfolio = after(encoding, (MODEL, (0.4, 0.5)), (BREEDING, (0.2, 0.5)))
    assert [portfolio.parts(n, [BREEDING]) for n in (4, 8, 100)] == [[3], [6], [75]]


def test_chance_has_its_share_where_it_is_asked(encoding: Encoding) -> None:
    portfolio = after(encoding, (MODEL, (0.4, 0.5)), (BREEDING, (0.4, 0.5)), (CHANCE, (0.3, 0.5)))
    assert portfolio.parts(100, [BREEDING, CHANCE]) == [25, 50]
    assert portfolio.parts(100, [BREEDING]) == [50]


def test_nobody_is_ever_left_out(encoding: Encoding) -> None:
    good = (0.4, 0.5)
    assert after(encoding, (MODEL, good), (BREEDING, WORST)).parts(10, [BREEDING]) == [1]
    assert after(encoding, (MODEL, WORST), (BREEDING, good)).parts(10, [BREEDING]) == [8]
    assert after(encoding, (MODEL, WORST), (BREEDING, WORST)).parts(10, [BREEDING]) == [5]
    alone = after(encoding, (MODEL, WORST), (BREEDING, good), (CHANCE, WORST)).parts(10, [BREEDING, CHANCE])
    assert alone == [8, 1]


@given(
    st.lists(st.tuples(st.sampled_from(list(Chooser)), st.floats(0.0, 1.0)), max_size=9),
    st.integers(5, 100),
)
def test_the_model_always_keeps_a_part(told: list[tuple[Chooser, float]], n: int) -> None:
    encoding = Encoding(Space((Ordered("a", tuple(range(10))),), {"a": 0}))
    portfolio = after(encoding, *((chooser, (value, 0.5)) for chooser, value in told))
    assert 0 <= sum(portfolio.parts(n, [BREEDING, CHANCE])) < n
