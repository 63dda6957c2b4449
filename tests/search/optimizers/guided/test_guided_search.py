"""The guided search on problems whose answer is known, and on what users may throw at it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from search.optimizers import Foretold, Observation, SearchProblem
from search.optimizers.guided import GuidedOptions, GuidedSearch
from search.optimizers.guided.corners import near_corner
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.feasibility import Feasibility
from search.optimizers.guided.improvement import Improvement, Spread
from search.optimizers.guided.judge import Judge
from search.optimizers.guided.surrogate import Surrogate
from search.pareto import hypervolume
from spaces import Categorical, Configuration, Continuous, Ordered, Space, canonical

SENSITIVITIES = np.exp(np.random.default_rng(3).normal(0, 1.5, 8))
SIZES = np.random.default_rng(4).integers(50, 1000, 8)


def bits_space() -> Space:
    knobs = tuple(Ordered(f"bits.k{i}", (2, 4, 8)) for i in range(8))
    return Space(knobs, {p.name: 8 for p in knobs})


def toy(c: Configuration) -> tuple[float, float]:
    bits = np.array([float(v) for v in c.values()])
    return float(SENSITIVITIES @ 4.0**-bits), float(SIZES @ bits)


def excess(c: Configuration, bound: float) -> float:
    """How far a size is beyond a bound, relative to it."""
    return max(toy(c)[1] - bound, 0.0) / bound


def searched(
    problem: SearchProblem, observe: Callable[[Configuration], Observation], n: int, seed: int = 0
) -> list[Observation]:
    optimizer = GuidedSearch(problem, GuidedOptions(rounds=2, pool=60), seed)
    told = [observe(c) for _, c in problem.space.homogeneous()]
    optimizer.tell(told)
    while len(told) < n and (asked := optimizer.ask(10)):
        told += (new := [observe(c) for c in asked])
        optimizer.tell(new)
    assert len({canonical(o.configuration) for o in told}) == len(told)
    return told


def test_the_exact_toy_is_solved_within_a_hundred_evaluations() -> None:
    space = bits_space()
    problem = SearchProblem(space, 2, foretell=lambda c: Foretold((float("nan"), toy(c)[1])))
    told = searched(problem, lambda c: Observation(c, toy(c)), 100)
    corner = 1.1 * np.array([SENSITIVITIES.sum() / 16, SIZES.sum() * 8.0])
    everything = hypervolume(np.array([toy(c) for c in space.enumerate()]), corner)
    assert hypervolume(np.array([o.values for o in told]), corner) > 0.995 * everything


def test_what_breaks_a_constraint_on_costs_is_never_proposed() -> None:
    bound = 0.6 * SIZES.sum() * 8
    problem = SearchProblem(bits_space(), 2, True, lambda c: Foretold((float("nan"), toy(c)[1]), excess(c, bound)))
    told = searched(problem, lambda c: Observation(c, None if excess(c, bound) else toy(c), excess(c, bound)), 60)
    assert all(o.violation == 0 for o in told[3:])


@pytest.mark.parametrize(
    "values",
    [(1.0, 1.0), (float("nan"), 1.0), (float("inf"), 2.0), None],
    ids=["constant", "nan", "infinite", "failed"],
)
def test_values_that_say_nothing_are_survived(values: tuple[float, float] | None) -> None:
    assert len(searched(SearchProblem(bits_space(), 2), lambda c: Observation(c, values), 40)) >= 40


def test_hugely_different_scales_are_survived() -> None:
    scaled = lambda c: Observation(c, (1e-12 * toy(c)[0], 1e12 * toy(c)[1]))  # noqa: E731
    assert len(searched(SearchProblem(bits_space(), 2), scaled, 60)) >= 60


@pytest.mark.parametrize("knobs", [(), (Ordered("a", (1, 2)),)], ids=["one point", "two points"])
def test_tiny_spaces_come_to_an_end(knobs: tuple[Ordered, ...]) -> None:
    space = Space((*knobs, Ordered("fixed", (8,))), {**{p.name: 1 for p in knobs}, "fixed": 8})
    assert space.size is not None
    assert len(searched(SearchProblem(space, 2), lambda c: Observation(c, (1.0, 2.0)), 50)) <= space.size


def test_mixed_knobs_and_repeated_tells() -> None:
    knobs = (Ordered("a", (1, 2, 5)), Categorical("m", ("x", "y", "z")), Continuous("r", 0.0, 1.0))
    space = Space(knobs, {"a": 5, "m": "x", "r": 1.0})
    observe = lambda c: Observation(c, (float(c["a"]) * float(c["r"]), float(c["m"] == "y") - float(c["r"])))  # noqa: E731
    told = searched(SearchProblem(space, 2), observe, 50)
    optimizer = GuidedSearch(SearchProblem(space, 2), GuidedOptions(rounds=1, pool=40), 0)
    optimizer.tell(told + told)
    known = {canonical(o.configuration) for o in told}
    assert not known & {canonical(c) for c in optimizer.ask(10)}


def test_what_is_told_before_the_first_question_is_learned() -> None:
    space = bits_space()
    optimizer = GuidedSearch(SearchProblem(space, 2), GuidedOptions(rounds=1, pool=40), 0)
    told = [c for _, c in space.homogeneous()]
    for configuration in told:
        optimizer.tell([Observation(configuration, toy(configuration))])
    assert not {canonical(c) for c in told} & {canonical(c) for c in optimizer.ask(10)}


def test_as_long_as_nothing_is_feasible_everybody_chooses_as_much() -> None:
    # The bound is exceeded least at the origin, but what keeps to it may lie anywhere.
    space = Space((Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)), {"x": 0.0, "y": 0.0})
    optimizer = GuidedSearch(SearchProblem(space, 2, True), GuidedOptions(rounds=1, pool=40), 0)
    for _ in range(4):
        asked = [(c, 0.05 + float(c["x"]) + float(c["y"])) for c in optimizer.ask(10)]
        optimizer.tell([Observation(c, (1.0, 2.0), far, (far,)) for c, far in asked])
    assert optimizer._portfolio_parts(9) == (3, 3)


def test_a_candidate_that_is_taken_leaves_little_to_find_beside_it() -> None:
    knobs = tuple(Continuous(f"ratio.k{i}", 0.0, 1.0) for i in range(3))
    encoding = Encoding(Space(knobs, {k.name: 0.0 for k in knobs}))
    data, rng = Data(encoding, 2), np.random.default_rng(0)
    for configuration in (encoding.space.sample(rng) for _ in range(12)):
        x = encoding.codes([configuration])[0]
        data.add([Observation(configuration, (float(np.sin(9 * x).sum()), float(np.cos(7 * x).sum())))])
    rows = data.for_model()
    beliefs = {j: Surrogate(encoding, None).fit(data.codes[rows], data.values[rows, j]) for j in range(2)}
    pending = np.empty((0, 3))
    judge = Judge(data, beliefs, None, Feasibility(encoding), pending, near_corner(data))
    candidates = encoding.rounded(np.repeat(rng.random((20, 3)), 2, axis=0))
    candidates[1::2, 0] = np.clip(candidates[1::2, 0] + 0.001, 0, 1)
    greedy = judge.greedy(candidates)
    before = greedy.scores()
    taken = int(np.argmax(before))
    greedy.take(taken, is_found=True)
    twin = taken ^ 1
    assert before[twin] > 0.9 * before[taken]
    assert greedy.scores()[twin] < 0.2 * before[twin]
    # Another worker is about to measure it: the same holds.
    later = Judge(data, beliefs, None, Feasibility(encoding), candidates[[taken]], near_corner(data))
    assert later(candidates[[twin]])[0][0] < 0.2 * before[twin]


def test_costs_that_are_not_what_was_said_are_learned_like_everything_else() -> None:
    # Foretold sizes fall where true ones rise: who believes them looks at the wrong end.
    space = bits_space()
    problem = SearchProblem(space, 2, foretell=lambda c: Foretold((float("nan"), 1e6 - toy(c)[1])))
    told = searched(problem, lambda c: Observation(c, toy(c)), 100)
    corner = 1.1 * np.array([SENSITIVITIES.sum() / 16, SIZES.sum() * 8.0])
    everything = hypervolume(np.array([toy(c) for c in space.enumerate()]), corner)
    assert hypervolume(np.array([o.values for o in told]), corner) > 0.9 * everything


def test_costs_that_some_configurations_only_show_when_measured_are_no_exact_ones() -> None:
    space = bits_space()

    def foretell(c: Configuration) -> Foretold:
        return Foretold((float("nan"), float("nan") if c["bits.k0"] == 2 else toy(c)[1]))

    problem = SearchProblem(space, 2, foretell=foretell)
    assert len(searched(problem, lambda c: Observation(c, toy(c)), 60)) >= 60


def test_where_nothing_keeps_to_the_costs_the_search_ends() -> None:
    problem = SearchProblem(bits_space(), 2, True, lambda c: Foretold((float("nan"), toy(c)[1]), 1.0))
    assert 4 <= len(searched(problem, lambda c: Observation(c, None, 1.0), 6561)) < 6561


def test_where_nothing_keeps_to_learned_constraints_the_search_goes_on() -> None:
    problem = SearchProblem(bits_space(), 2, True, lambda c: Foretold((float("nan"), toy(c)[1])))
    assert len(searched(problem, lambda c: Observation(c, toy(c), 1.0), 40)) >= 40


def test_the_few_that_keep_to_tight_costs_are_found() -> None:
    # A handful of 6,561: the cheapest settings of nearly all knobs.
    bound = 1.05 * 2 * SIZES.sum()
    allowed = [c for c in bits_space().enumerate() if excess(c, bound) == 0]
    assert 2 <= len(allowed) <= 10
    problem = SearchProblem(bits_space(), 2, True, lambda c: Foretold((float("nan"), toy(c)[1]), excess(c, bound)))
    told = searched(problem, lambda c: Observation(c, None if excess(c, bound) else toy(c), excess(c, bound)), 60)
    assert {canonical(c) for c in allowed} <= {canonical(o.configuration) for o in told}


def test_a_larger_budget_begins_with_what_a_smaller_one_asked() -> None:
    # Smaller than the start design, too: the loop always asks for whole batches and takes what there is room for.
    problem = SearchProblem(bits_space(), 2, foretell=lambda c: Foretold((float("nan"), toy(c)[1])))
    some, more = (searched(problem, lambda c: Observation(c, toy(c)), n) for n in (5, 25))
    assert [o.configuration for o in more[: len(some)]] == [o.configuration for o in some]


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_improvement_is_the_hypervolume_that_a_point_adds(n_objectives: int) -> None:
    rng = np.random.default_rng(n_objectives)
    front, corner, points = rng.random((9, n_objectives)), np.ones(n_objectives), rng.random((20, n_objectives))
    before = hypervolume(front, corner)
    expected = [hypervolume(np.vstack([front, p]), corner) - before for p in points]
    found = Improvement(front, corner)([Spread.exact(column) for column in points.T])
    assert found == pytest.approx(expected, abs=1e-12)
