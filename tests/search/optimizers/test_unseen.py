"""Finding configurations that nobody has seen."""

from __future__ import annotations

import numpy as np
import pytest

from search.optimizers import Observation
from search.optimizers.base import Unseen
from spaces import Continuous, Ordered, Parameter, Space, canonical


def space_of(*parameters: Parameter) -> Space:
    return Space(parameters, {p.name: p.levels()[0] for p in parameters})


def unseen(space: Space) -> Unseen:
    return Unseen(space, np.random.default_rng(0))


def test_every_configuration_of_a_countable_space_is_found_once() -> None:
    # 1000 configurations: the last ones are not found by chance.
    space = space_of(*(Ordered(f"k{i}", tuple(range(10))) for i in range(3)))
    pool = unseen(space)
    drawn = [pool.draw() for _ in range(1000)]
    assert len({canonical(c) for c in drawn if c is not None}) == 1000
    assert pool.is_exhausted
    assert pool.draw() is None


def test_what_was_added_is_not_found() -> None:
    space = space_of(Ordered("a", (1, 2, 3)))
    pool = unseen(space)
    assert pool.add({"a": 1})
    assert not pool.add({"a": 1.0})
    assert {c["a"] for c in (pool.draw(), pool.draw()) if c} == {2, 3}
    assert pool.draw() is None


def test_in_a_space_too_large_to_enumerate_a_walk_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unseen, "ENUMERABLE", 10)
    monkeypatch.setattr(Unseen, "DRAWS", 3)
    space = space_of(*(Ordered(f"k{i}", tuple(range(4))) for i in range(3)))
    pool = unseen(space)
    drawn = [c for c in (pool.draw() for _ in range(64)) if c is not None]
    assert len({canonical(c) for c in drawn}) == len(drawn) >= 50


def test_an_interval_with_few_numbers_comes_to_an_end() -> None:
    # Between 1 and the next float there is nothing.
    pool = unseen(space_of(Continuous("x", 1.0, float(np.nextafter(1.0, 2.0)))))
    drawn = [pool.draw() for _ in range(5)]
    assert 1 <= sum(c is not None for c in drawn) <= 2


def test_near_a_configuration_its_neighbours_come_first() -> None:
    space = space_of(Ordered("a", tuple(range(9))), Ordered("b", tuple(range(9))))
    pool, centre = unseen(space), {"a": 4, "b": 4}
    pool.add(centre)
    near = [pool.draw_near(centre) for _ in range(5)]
    assert {(c["a"], c["b"]) for c in near[:4] if c} == {(3, 4), (5, 4), (4, 3), (4, 5)}
    assert near[4] is not None


def test_only_what_was_evaluated_and_breaks_nothing_is_feasible() -> None:
    assert Observation({}, (1.0,)).is_feasible
    assert not Observation({}, (1.0,), 0.1).is_feasible
    assert not Observation({}, None).is_feasible
