"""Laws of whole spaces, and the baselines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import Categorical, Condition, Continuous, Ordered, Parameter, Space, canonical


@st.composite
def parameters(draw: st.DrawFn, name: str, with_continuous: bool) -> Parameter:
    kinds = ["ordered", "categorical"] + ["continuous"] * with_continuous
    match draw(st.sampled_from(kinds)):
        case "ordered":
            return Ordered(name, tuple(sorted(draw(st.sets(st.integers(-9, 9), min_size=1, max_size=4)))))
        case "categorical":
            return Categorical(name, tuple(draw(st.sets(st.sampled_from("abcde"), min_size=1, max_size=3))))
    return Continuous(name, 0.0, float(draw(st.integers(1, 9))))


@st.composite
def spaces(draw: st.DrawFn, with_continuous: bool = True) -> Space:
    kinds = draw(st.lists(st.sampled_from(["bit_widths", "mode"]), min_size=1, max_size=4))
    members = tuple(draw(parameters(f"{kind}.k{i}", with_continuous)) for i, kind in enumerate(kinds))
    defaults = {p.name: p.levels()[draw(st.integers(0, len(p.levels()) - 1))] for p in members}
    deciding = members[0]
    values = draw(st.sets(st.sampled_from([*deciding.levels(), "another"]), min_size=1))
    conditional = draw(st.sets(st.sampled_from(members[1:]))) if members[1:] and deciding.n_levels else set()
    return Space(members, defaults, {p.name: Condition(deciding.name, tuple(values)) for p in conditional})


@given(spaces(), st.integers(0, 2**32 - 1))
def test_decode_inverts_encode(space: Space, seed: int) -> None:
    configuration = space.sample(np.random.default_rng(seed))
    assert space.contains(configuration)
    codes = space.encode(configuration)
    assert codes.shape == (len(space.searched),)
    assert ((codes >= 0) & (codes <= space.upper_codes)).all()
    # Fixed knobs have no code: they are at their default.
    assert space.decode(codes) == configuration


@given(spaces(with_continuous=False))
def test_size_counts_what_enumerate_yields(space: Space) -> None:
    configurations = list(space.enumerate())
    assert len(configurations) == space.size == len({canonical(c) for c in configurations})
    assert all(space.contains(c) for c in configurations)


@given(spaces(with_continuous=False))
def test_neighbours_differ_in_one_knob_and_what_it_decides(space: Space) -> None:
    for configuration in space.enumerate():
        for neighbour in space.neighbours(configuration):
            differing = {name for name in space.names if neighbour[name] != configuration[name]}
            assert len(differing - set(space.conditions)) == 1 or len(differing) == 1
            assert space.settled(neighbour) == neighbour
            if len(differing) == 1:
                assert canonical(configuration) in {canonical(back) for back in space.neighbours(neighbour)}


@given(spaces())
def test_baselines_are_configurations_of_the_space_without_repeats(space: Space) -> None:
    baselines = space.homogeneous()
    assert len({canonical(c) for _, c in baselines}) == len(baselines)
    assert all(space.contains(c) for _, c in baselines)


def two_kinds() -> Space:
    return Space(
        (
            Ordered("bit_widths.a", (2, 4, 8)),
            Ordered("bit_widths.b", (4, 8)),
            Ordered("bit_widths.fixed", (8,)),
            Categorical("mode.m", ("fast", "small")),
        ),
        {"bit_widths.a": 8, "bit_widths.b": 8, "bit_widths.fixed": 8, "mode.m": "small"},
    )


def test_there_is_a_baseline_for_every_level_of_every_kind() -> None:
    # Knob b has no 2, so that it takes the nearest level, 4. "mode small" is the default and thus the same as 8 bits.
    assert [(label, tuple(c.values())) for label, c in two_kinds().homogeneous()] == [
        ("2 bits", (2, 4, 8, "small")),
        ("4 bits", (4, 4, 8, "small")),
        ("8 bits", (8, 8, 8, "small")),
        ("mode fast", (8, 8, 8, "fast")),
    ]


def test_continuous_knobs_count_as_five_levels() -> None:
    space = Space((Continuous("ratio.a", 0.0, 1.0), Continuous("ratio.b", 0.0, 0.5)), {"ratio.a": 0.0, "ratio.b": 0.0})
    assert [tuple(c.values()) for _, c in space.homogeneous()] == [
        (0.0, 0.0),
        (0.125, 0.125),
        (0.25, 0.25),
        (0.375, 0.375),
        (0.5, 0.5),
        (0.75, 0.5),
        (1.0, 0.5),
    ]


def test_only_knobs_with_a_choice_are_searched() -> None:
    space = two_kinds()
    assert [p.name for p in space.searched] == ["bit_widths.a", "bit_widths.b", "mode.m"]
    assert space.size == 3 * 2 * 1 * 2
    assert space.parameter("bit_widths.b") == Ordered("bit_widths.b", (4, 8))


@given(spaces(), st.integers(0, 2**32 - 1))
def test_what_is_made_is_settled(space: Space, seed: int) -> None:
    configuration = space.sample(np.random.default_rng(seed))
    assert space.settled(configuration) == configuration
    assert all(space.settled(baseline) == baseline for _, baseline in space.homogeneous())


def test_knobs_without_effect_are_not_searched_there() -> None:
    # a: one of two exits; only the second has a threshold
    exits, threshold = Categorical("exits.placement", ("gru", "gru+final")), Ordered("exit_thresholds.gru", (1, 2, 3))
    conditions = {threshold.name: Condition(exits.name, ("gru+final",))}
    space = Space((exits, threshold), {exits.name: "gru", threshold.name: 2}, conditions)
    assert space.size == 4
    assert [tuple(c.values()) for c in space.enumerate()] == [("gru", 2), *(("gru+final", n) for n in (1, 2, 3))]
    assert tuple(space.decode(np.array([0.0, 0.0])).values()) == ("gru", 2)
    assert [tuple(c.values()) for c in space.neighbours(space.defaults)] == [("gru+final", 2)]

    never = Space((Categorical(exits.name, ("gru",)), threshold), space.defaults, conditions)
    assert (never.searched, never.size) == ((), 1)
    assert list(never.enumerate()) == [space.defaults]


def test_an_interval_that_never_has_an_effect_leaves_the_space_countable() -> None:
    exits, threshold = Categorical("exits.placement", ("gru",)), Continuous("exit_thresholds.gru", 0.0, 1.0)
    defaults = {exits.name: "gru", threshold.name: 0.5}
    space = Space((exits, threshold), defaults, {threshold.name: Condition(exits.name, ("gru+final",))})
    assert (space.size, list(space.enumerate())) == (1, [defaults])


def test_the_last_knob_runs_fastest() -> None:
    space = Space((Ordered("a", (1, 2)), Ordered("b", (3, 4))), {"a": 1, "b": 3})
    assert [tuple(c.values()) for c in space.enumerate()] == [(1, 3), (1, 4), (2, 3), (2, 4)]


def test_a_space_with_a_continuous_knob_has_no_size() -> None:
    space = Space((Ordered("a", (1, 2)), Continuous("x", 0, 1)), {"a": 1, "x": 0.0})
    assert space.size is None
    with pytest.raises(ValueError, match="x is continuous: the space cannot be enumerated"):
        next(space.enumerate())


@pytest.mark.parametrize(
    "configuration",
    [
        {"bit_widths.a": 2},
        {"bit_widths.a": 3, "bit_widths.b": 4, "bit_widths.fixed": 8, "mode.m": "fast"},
        {"bit_widths.a": 2, "bit_widths.b": 4, "bit_widths.fixed": 8, "mode.m": "fast", "extra": 1},
    ],
)
def test_incomplete_impossible_and_overfull_configurations_do_not_belong(configuration: dict[str, int | str]) -> None:
    assert not two_kinds().contains(configuration)


def test_every_knob_is_sampled_uniformly() -> None:
    space, rng = two_kinds(), np.random.default_rng(0)
    drawn = [space.sample(rng)["bit_widths.a"] for _ in range(3000)]
    # 1000 expected for each of three choices, standard deviation sqrt(3000 * 1/3 * 2/3) = 26.
    assert all(math.isclose(drawn.count(choice), 1000, abs_tol=130) for choice in (2, 4, 8))
