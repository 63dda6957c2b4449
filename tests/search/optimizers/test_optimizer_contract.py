"""The contract that every optimizer keeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from search.optimizers import OPTIMIZERS, Observation, Optimizer, SearchProblem
from search.pareto import hypervolume
from spaces import Categorical, Condition, Configuration, Continuous, Ordered, Parameter, Space, canonical

NAMES = sorted(OPTIMIZERS)
GUIDED = [name for name in NAMES if name not in ("random", "exhaustive")]
LIMITS: dict[str, dict[str, int]] = {
    "nsga2": {"population": 8},
    "nsga3": {"population": 8},
    "tpe": {"startup": 6, "batch": 4},
    "gp": {"startup": 24, "batch": 4},
    "guided": {"batch": 4, "start": 6, "rounds": 2, "pool": 40},
    "random": {"batch": 8},
    "exhaustive": {"batch": 8},
}
"""Options small enough for a model to be used within a few batches."""


def batches(name: str, n_baselines: int = 0) -> list[int]:
    """Sizes of a few batches; proposals of the Gaussian process take their time, so that it makes only the last two."""
    startup = LIMITS["gp"]["startup"]
    return [startup - n_baselines - 4, 4, 2] if name == "gp" else [8] * 5


def make(name: str, problem: SearchProblem, seed: int = 0, **options: Any) -> Optimizer:
    entry = OPTIMIZERS[name]
    return entry.create(problem, entry.options(**{**LIMITS[name], **options}), seed)


def space_of(*parameters: Parameter) -> Space:
    return Space(parameters, {p.name: p.levels()[-1] for p in parameters})


def ordered_space(n: int = 6) -> Space:
    return space_of(*(Ordered(f"bits.k{i}", tuple(range(2, 9))) for i in range(n)), Ordered("bits.fixed", (8,)))


def mixed_space() -> Space:
    return space_of(
        Ordered("bits.a", (2, 4, 8)),
        Categorical("mode.m", ("fast", "small", "tiny")),
        Continuous("ratio.r", 0.1, 0.9),
        Ordered("bits.b", (0.25, 0.5, 1, 3)),
    )


def tiny_space() -> Space:
    return space_of(Ordered("bits.a", (2, 4, 8)), Categorical("mode.m", ("fast", "small")), Ordered("bits.b", (1, 2)))


def conditional_space() -> Space:
    """Only one of the modes has a ratio, and only the other one the bits."""
    mixed = mixed_space()
    conditions = {"ratio.r": Condition("mode.m", ("tiny",)), "bits.b": Condition("mode.m", ("fast", "small"))}
    return replace(mixed, conditions=conditions)


def tiny_conditional_space() -> Space:
    return replace(tiny_space(), conditions={"bits.b": Condition("mode.m", ("small",))})


def values(space: Space, configuration: Configuration, n_objectives: int) -> tuple[float, ...]:
    """A smooth trade-off: error falls with every code, cost rises with it, two more lie between."""
    codes = space.encode(configuration) / space.upper_codes
    error = float(np.mean((1 - codes) ** 2))
    cost = float(np.mean(codes))
    return (error, cost, error * cost, abs(error - cost))[:n_objectives]


Judge = Callable[[Configuration], Observation]


def judge(space: Space, n_objectives: int = 2, is_constrained: bool = False) -> Judge:
    """Every seventh configuration fails; of a constrained space, what costs too much is not evaluated."""

    def observe(configuration: Configuration) -> Observation:
        found = values(space, configuration, n_objectives)
        excess = max(float(np.mean(space.encode(configuration) / space.upper_codes)) - 0.5, 0.0)
        if is_constrained and excess > 0:
            return Observation(configuration, None, excess / 0.5)
        failed = sum(canonical(configuration).encode()) % 7 == 0
        return Observation(configuration, None if failed else found)

    return observe


@dataclass
class Course:
    """What a search asked, batch by batch, and what it was told."""

    asked: list[list[Configuration]]
    told: list[list[Observation]]

    def keys(self) -> list[str]:
        return [canonical(c) for batch in self.asked for c in batch]


def search(
    optimizer: Optimizer, observe: Judge, sizes: Iterable[int], baselines: Sequence[Configuration] = ()
) -> Course:
    told = [[observe(c) for c in baselines]]
    optimizer.tell(told[0])
    course = Course([], told)
    for n in sizes:
        asked = optimizer.ask(n)
        assert len(asked) <= n
        course.asked.append(asked)
        course.told.append([observe(c) for c in asked])
        optimizer.tell(course.told[-1])
    return course


def baselines_of(space: Space) -> list[Configuration]:
    return [configuration for _, configuration in space.homogeneous()]


SPACES = {
    "ordered": ordered_space(),
    "mixed": mixed_space(),
    "conditional": conditional_space(),
    "tiny": tiny_space(),
}
CASES = [(name, kind) for name in NAMES for kind in SPACES if name != "exhaustive" or SPACES[kind].size is not None]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_nothing_is_asked_twice_and_nothing_outside_the_space(name: str, kind: str) -> None:
    space = SPACES[kind]
    baselines = baselines_of(space)
    course = search(make(name, SearchProblem(space, 2)), judge(space), batches(name, len(baselines)), baselines)
    keys = [canonical(c) for c in baselines] + course.keys()
    assert len(set(keys)) == len(keys)
    assert all(space.contains(c) and space.settled(c) == c for batch in course.asked for c in batch)


@pytest.mark.parametrize("space", [tiny_space(), tiny_conditional_space()], ids=["free", "conditional"])
@pytest.mark.parametrize("name", NAMES)
def test_a_small_space_is_searched_to_the_end_and_then_nothing_is_asked(name: str, space: Space) -> None:
    optimizer = make(name, SearchProblem(space, 2))
    baselines = baselines_of(space)
    course = search(optimizer, judge(space), [5] * 4, baselines)
    everything = {canonical(c) for c in space.enumerate()}
    assert set(course.keys()) | {canonical(c) for c in baselines} == everything
    assert optimizer.ask(5) == []
    optimizer.tell([])
    assert optimizer.ask(1) == []


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_questions(name: str) -> None:
    space = ordered_space()
    courses = []
    for disturbance in (1, 2):
        # The global generators belong to others.
        random.seed(disturbance)
        np.random.seed(disturbance)  # noqa: NPY002
        optimizer = make(name, SearchProblem(space, 2, True), seed=5)
        courses.append(search(optimizer, judge(space, is_constrained=True), batches(name, 7), baselines_of(space)))
    assert courses[0].keys() == courses[1].keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generators_are_left_alone(name: str) -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    search(make(name, SearchProblem(ordered_space(), 2)), judge(ordered_space()), batches(name))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize("name", [name for name in NAMES if name != "exhaustive"])
def test_another_seed_asks_something_else(name: str) -> None:
    space = ordered_space()
    one, other = (search(make(name, SearchProblem(space, 2), seed), judge(space), [8]).keys() for seed in (0, 1))
    assert one != other


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] != "tiny"])
def test_replaying_what_was_told_goes_on_as_if_never_interrupted(name: str, kind: str) -> None:
    space = SPACES[kind]
    problem, observe = SearchProblem(space, 2, True), judge(space, is_constrained=True)
    baselines = baselines_of(space)
    sizes = batches(name, len(baselines))
    whole = search(make(name, problem), observe, sizes, baselines)
    resumed = make(name, problem)
    for batch, told in zip([[], *whole.asked[:2]], whole.told[:3], strict=True):
        assert [canonical(c) for c in resumed.ask(len(batch))] == [canonical(c) for c in batch]
        resumed.tell(told)
    rest = search(resumed, observe, sizes[2:])
    assert rest.keys() == Course(whole.asked[2:], []).keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_may_be_cut_short(name: str) -> None:
    space = ordered_space()
    optimizer = make(name, SearchProblem(space, 2))
    sizes = [20, 3, 1, 2] if name == "gp" else [8, 3, 1, 8, 5, 8]
    course = search(optimizer, judge(space), sizes)
    assert [len(batch) for batch in course.asked] == sizes
    # Of a batch that was interrupted only a part is told.
    asked = optimizer.ask(3)
    optimizer.tell([judge(space)(c) for c in asked[:1]])
    again = optimizer.ask(2)
    assert not {canonical(c) for c in asked} & {canonical(c) for c in again}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_any_number_of_objectives(name: str, n_objectives: int) -> None:
    space = ordered_space(4)
    sizes = batches(name)
    course = search(make(name, SearchProblem(space, n_objectives)), judge(space, n_objectives), sizes)
    assert len(course.keys()) == sum(sizes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("violation", [0.0, 2.0], ids=["failed", "infeasible"])
def test_a_search_in_which_nothing_succeeds_goes_on(name: str, violation: float) -> None:
    space = ordered_space()
    optimizer = make(name, SearchProblem(space, 2, violation > 0))
    baselines = baselines_of(space)
    sizes = batches(name, len(baselines))
    course = search(optimizer, lambda c: Observation(c, None, violation), sizes, baselines)
    assert len(course.keys()) == sum(sizes)


@pytest.mark.parametrize("name", NAMES)
def test_equal_values_everywhere_are_tolerated(name: str) -> None:
    space = ordered_space()
    sizes = batches(name)
    course = search(make(name, SearchProblem(space, 3)), lambda c: Observation(c, (1.0, 1.0, 1.0)), sizes)
    assert len(course.keys()) == sum(sizes)


@pytest.mark.parametrize("name", GUIDED)
def test_constraints_draw_the_search_to_what_is_feasible(name: str) -> None:
    # About half of the space costs too much.
    space = ordered_space(3 if name == "gp" else 6)
    observe = judge(space, is_constrained=True)
    sizes = [24, 8] if name == "gp" else [8] * 8
    course = search(make(name, SearchProblem(space, 2, True)), observe, sizes)
    last = [observation.violation for batch in course.told for observation in batch][-8:]
    assert sum(violation == 0 for violation in last) >= 6


def zdt1(space: Space, configuration: Configuration) -> tuple[float, float]:
    """E. Zitzler, K. Deb, L. Thiele, "Comparison of multiobjective evolutionary algorithms", 2000, problem T1."""
    codes = space.encode(configuration) / space.upper_codes
    g = 1 + 9 * float(np.mean(codes[1:]))
    return float(codes[0]), g * (1 - float(np.sqrt(codes[0] / g)))


@pytest.mark.parametrize("name", GUIDED)
def test_a_search_beats_random_draws(name: str) -> None:
    space = ordered_space(4 if name == "gp" else 8)
    n = {"gp": 30, "tpe": 140}.get(name, 300)
    options: dict[str, int] = {"population": 20} if name.startswith("nsga") else {"startup": 24, "batch": 6}
    options = {"batch": 10} if name == "guided" else options
    n = 100 if name == "guided" else n

    def gained(optimizer: Optimizer) -> float:
        told: list[Observation] = []
        while len(told) < n:
            asked = optimizer.ask(min(optimizer.batch_size, n - len(told)))
            told += [Observation(c, zdt1(space, c)) for c in asked]
            optimizer.tell(told[-len(asked) :])
        return hypervolume(np.array([o.values for o in told]), np.array([1.1, 10.0]))

    front = [(x / 6, 1 - np.sqrt(x / 6)) for x in range(7)]
    best = hypervolume(np.array(front), np.array([1.1, 10.0]))
    found = gained(make(name, SearchProblem(space, 2), **options))
    drawn = gained(make("random", SearchProblem(space, 2)))
    assert best - found < 0.6 * (best - drawn)


def test_the_whole_space_is_enumerated_once_in_order() -> None:
    space = tiny_space()
    course = search(make("exhaustive", SearchProblem(space, 2)), judge(space), [5, 5, 5])
    assert [c for batch in course.asked for c in batch] == list(space.enumerate())


def test_a_space_that_cannot_be_enumerated_is_refused() -> None:
    with pytest.raises(ValueError, match="the space has continuous knobs and cannot be enumerated"):
        make("exhaustive", SearchProblem(mixed_space(), 2))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "exhaustive"])
def test_a_single_continuous_knob_never_repeats(name: str) -> None:
    space = space_of(Continuous("ratio.r", 0.0, 1.0))
    sizes = batches(name)
    keys = search(make(name, SearchProblem(space, 1)), judge(space, 1), sizes).keys()
    assert len(set(keys)) == sum(sizes)
