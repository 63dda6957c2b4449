"""Ranking, selection and variation of the genetic optimizers."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.optimizers import Observation
from search.optimizers.genetic import (
    GeneticOptions,
    Individual,
    Randomness,
    Variation,
    ranked_fronts,
    select_by_crowding,
    select_by_reference_points,
)
from spaces import Continuous, Ordered, Space


def individual(*values: float, violation: float = 0.0) -> Individual:
    return Individual([0.0], Observation({}, values, violation), len(values))


def unevaluated(violation: float = 0.0) -> Individual:
    return Individual([0.0], Observation({}, None, violation), 2)


def values(individuals: list[Individual]) -> list[tuple[float, ...]]:
    return [i.fitness.values for i in individuals]


def test_fronts_worked_by_hand() -> None:
    # (1, 3) and (2, 2) and (3, 1) do not dominate each other; (2, 2) dominates (3, 3), all dominate (4, 4).
    points = [(4, 4), (1, 3), (3, 3), (3, 1), (2, 2)]
    fronts = ranked_fronts([individual(*p) for p in points])
    assert [sorted(values(front)) for front in fronts] == [[(1, 3), (2, 2), (3, 1)], [(3, 3)], [(4, 4)]]
    assert [i.fitness.rank for front in fronts for i in front] == [0, 0, 0, 1, 2]


points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(points)
def test_fronts_equal_peeling_by_brute_force(found: list[tuple[int, int, int]]) -> None:
    def dominates(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    rest, peeled = list(found), []
    while rest:
        front = [p for p in rest if not any(dominates(q, p) for q in rest)]
        peeled.append(sorted(front))
        rest = [p for p in rest if p not in front]
    assert [sorted(values(f)) for f in ranked_fronts([individual(*p) for p in found])] == peeled


def test_what_breaks_constraints_ranks_behind_by_how_much() -> None:
    fronts = ranked_fronts(
        [
            individual(0, 0, violation=0.5),
            unevaluated(0.2),
            individual(9, 9),
            unevaluated(),
            individual(1, 1, violation=2),
        ]
    )
    # What failed without breaking a constraint counts as a violation of 1.
    assert [[i.violation for i in front] for front in fronts] == [[0.0], [0.5], [1.0, 1.0], [2.0]]


def test_the_least_crowded_of_the_last_front_survive() -> None:
    # On a line: the ends are infinitely apart, and of the inner ones (6, 4) has the widest gap around it.
    line = [(0, 10), (1, 9), (2, 8), (6, 4), (10, 0)]
    fronts = ranked_fronts([individual(*p) for p in line])
    assert sorted(values(select_by_crowding(fronts, 3))) == [(0, 10), (6, 4), (10, 0)]
    assert len(select_by_crowding(fronts, 99)) == 5


def test_reference_points_keep_the_front_spread() -> None:
    rng = np.random.default_rng(0)
    angle = rng.random(60) * np.pi / 2
    fronts = ranked_fronts([individual(*p) for p in zip(np.cos(angle), np.sin(angle), strict=True)])
    with Randomness(0).of_deap():
        kept = select_by_reference_points(2, 10)(fronts, 10)
    angles = sorted(float(np.arctan2(y, x)) for x, y in values(kept))
    assert len(kept) == 10
    # Ten points on a quarter of a circle: no gap of more than three times the even one.
    assert max(b - a for a, b in itertools.pairwise(angles)) < 3 * (np.pi / 2) / 9


def test_with_few_feasible_the_least_violating_fill_up() -> None:
    fronts = ranked_fronts([individual(1, 1), unevaluated(3), unevaluated(1), unevaluated(2)])
    kept = select_by_reference_points(2, 4)(fronts, 3)
    assert [i.violation for i in kept] == [0.0, 1.0, 2.0]


SPACE = Space((Ordered("a", (2, 4, 8)), Continuous("x", 0.0, 5.0), Ordered("b", (1, 2))), {"a": 8, "x": 0.0, "b": 2})


@pytest.mark.parametrize("mutation", [None, 0.0, 1.0])
def test_variation_stays_inside_and_keeps_choices_whole(mutation: float | None) -> None:
    operators = Variation(SPACE, GeneticOptions(mutation=mutation, crossover=1.0))
    rng = np.random.default_rng(0)
    with Randomness(1).of_deap():
        for _ in range(200):
            a, b = (Individual(SPACE.encode(SPACE.sample(rng)).tolist(), None, 2) for _ in range(2))
            operators.cross(a, b)
            operators.mutate(a)
            for child in (a, b):
                assert ((np.array(child) >= 0) & (np.array(child) <= SPACE.upper_codes)).all()
                assert child[0].is_integer()
                assert child[2].is_integer()


def test_without_mutation_and_crossover_children_are_copies() -> None:
    operators = Variation(SPACE, GeneticOptions(mutation=0.0, crossover=0.0))
    a, b = Individual([0.0, 0.3, 1.0]), Individual([2.0, 0.7, 0.0])
    operators.cross(a, b)
    operators.mutate(a)
    assert (a, b) == ([0.0, 0.3, 1.0], [2.0, 0.7, 0.0])


def test_uniform_crossover_exchanges_choices_and_blends_numbers() -> None:
    operators = Variation(SPACE, GeneticOptions(crossover=1.0))
    with Randomness(0).of_deap():
        children = set()
        for _ in range(40):
            a, b = Individual([0.0, 0.3, 1.0]), Individual([2.0, 0.7, 0.0])
            operators.cross(a, b)
            children.add((a[0], a[2]))
            assert {a[0], b[0]} == {0.0, 2.0}
            assert a[1] + b[1] == pytest.approx(1.0)  # simulated binary crossover keeps the mean
    assert children == {(0.0, 1.0), (0.0, 0.0), (2.0, 1.0), (2.0, 0.0)}


def test_deap_draws_from_its_own_source_and_goes_on_where_it_stopped() -> None:
    one, other = Randomness(3), Randomness(3)
    with one.of_deap():
        drawn = [random.random(), random.random(), float(np.random.random())]  # noqa: NPY002
    random.seed(99)
    outside = random.getstate()
    again = []
    for draw in (random.random, random.random, np.random.random):
        with other.of_deap():
            again.append(float(draw()))
    assert again == drawn
    assert random.getstate() == outside
