"""Stratified orders and splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluators.gru.tasks.splitting import deal, stratified_order

strata_arrays = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(lambda values: np.array(values, np.int64))


@given(strata_arrays, st.integers(0, 2**32))
def test_every_beginning_holds_each_stratum_in_its_share(strata: NDArray[np.int64], seed: int) -> None:
    order = stratified_order(strata, seed)
    assert sorted(order) == list(range(len(strata)))
    n_strata = len(np.unique(strata))
    taken = np.arange(1, len(strata) + 1)
    for stratum in np.unique(strata):
        share = (strata == stratum).mean()
        deviation = np.abs(np.cumsum(strata[order] == stratum) - share * taken)
        assert deviation.max() <= (1 + n_strata * share) / 2 + 1e-9


def test_equal_strata_come_in_rounds() -> None:
    strata = np.repeat(np.arange(4), 25)
    rounds = strata[stratified_order(strata, seed=3)].reshape(25, 4)
    assert (np.sort(rounds, axis=1) == np.arange(4)).all()
    assert len({tuple(one) for one in rounds}) > 1  # not the same order in every round


def test_order_follows_from_the_seed() -> None:
    strata = np.arange(60) % 3
    assert (stratified_order(strata, 5) == stratified_order(strata, 5)).all()
    assert (stratified_order(strata, 5) != stratified_order(strata, 6)).any()


@given(strata_arrays, st.integers(0, 100), st.data())
def test_parts_are_disjoint_and_as_large_as_asked(strata: NDArray[np.int64], seed: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(strata)))
    second = data.draw(st.integers(0, len(strata) - first))
    parts = deal(strata, {"a": first, "b": second}, seed)
    assert (len(parts["a"]), len(parts["b"])) == (first, second)
    assert len({*parts["a"].tolist(), *parts["b"].tolist()}) == first + second


def test_strata_with_as_many_members_as_there_are_shares_reach_every_part() -> None:
    strata = np.repeat([0, 1, 2], [5, 10, 85])
    parts = deal(strata, {"train": 60, "validation": 20, "test": 20}, seed=0)
    # Of five members, 60 / 20 / 20 % are 3 / 1 / 1; of ten, 6 / 2 / 2.
    assert [np.bincount(strata[part]).tolist()[:2] for part in parts.values()] == [[3, 6], [1, 2], [1, 2]]


def test_too_few_examples_are_an_error() -> None:
    with pytest.raises(ValueError, match="5 examples asked for, 4 there"):
        deal(np.zeros(4, np.int64), {"a": 3, "b": 2}, seed=0)
