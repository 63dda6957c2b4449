"""From the rules of a study and the knobs of a system to a space."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from spaces import (
    Categorical,
    Choices,
    Continuous,
    Interval,
    Knob,
    KnobGroup,
    Ordered,
    Problem,
    Rule,
    Space,
    Value,
    build_space,
)
from spaces.rules import matches

GROUPS: dict[str, KnobGroup] = {
    "bit_widths": {
        name: Knob(Choices(tuple(range(2, 9))), 8) for name in ("gru0.input_reset", "gru0.hidden_reset", "gru1.output")
    },
    "ratio": {"prune": Knob(Interval(0.0, 0.9), 0.0)},
    "mode": {"act": Knob(Choices(("relu", "tanh", 3)), "tanh")},
}


def rule(
    *patterns: str, choices: Sequence[Value] | None = None, low: float | None = None, high: float | None = None
) -> Rule:
    return Rule(patterns or ("*",), None if choices is None else tuple(choices), low, high, ("space", "k"))


def built(**rules: Rule) -> Space:
    space, problems = build_space({kind: [entry] for kind, entry in rules.items()}, GROUPS)
    assert not problems
    assert space is not None
    return space


def problems_of(kind: str, *rules: Rule) -> list[Problem]:
    space, problems = build_space({kind: rules}, GROUPS)
    assert (space is None) == bool(problems)
    return problems


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("*", "gru0.input_reset gru0.hidden_reset gru1.output"),
        ("gru0.*", "gru0.input_reset gru0.hidden_reset"),
        ("*_reset", "gru0.input_reset gru0.hidden_reset"),
        ("input_*", "gru0.input_reset"),
        ("output", "gru1.output"),
        ("gru?.output", "gru1.output"),
        ("gru[1-9].*", "gru1.output"),
        ("GRU0.*", ""),
        ("put", ""),
        ("gru0", ""),
    ],
)
def test_patterns_match_the_whole_name_or_what_follows_a_dot(pattern: str, selected: str) -> None:
    assert [name for name in GROUPS["bit_widths"] if matches(name, pattern)] == selected.split()


def test_knobs_without_a_rule_stay_at_their_default() -> None:
    space = built(bit_widths=rule("input_*", choices=[8, 2, 4]))
    assert space.parameters == (
        Ordered("bit_widths.gru0.input_reset", (2, 4, 8)),
        Ordered("bit_widths.gru0.hidden_reset", (8,)),
        Ordered("bit_widths.gru1.output", (8,)),
        Ordered("ratio.prune", (0.0,)),
        Categorical("mode.act", ("tanh",)),
    )
    assert [p.name for p in space.searched] == ["bit_widths.gru0.input_reset"]


def test_the_first_rule_that_selects_a_knob_holds() -> None:
    rules = [rule("gru0.*", choices=[2, 4]), rule("*", choices=[6, 8])]
    space, problems = build_space({"bit_widths": rules}, GROUPS)
    assert not problems
    assert space is not None
    assert [space.parameter(f"bit_widths.{name}").levels() for name in GROUPS["bit_widths"]] == [(2, 4), (2, 4), (6, 8)]


def test_a_rule_that_comes_too_late_is_told() -> None:
    (problem,) = problems_of("bit_widths", rule("*", choices=[2, 4]), rule("gru0.*", choices=[6, 8]))
    assert problem.message == "has no effect: earlier rules select the same knobs, and the first one holds"


def test_an_interval_makes_a_continuous_knob() -> None:
    assert built(ratio=rule(low=0.1, high=0.5)).parameter("ratio.prune") == Continuous("ratio.prune", 0.1, 0.5)


@pytest.mark.parametrize(
    ("kind", "entry", "knob", "default"),
    [
        ("bit_widths", rule(choices=[2, 7]), "bit_widths.gru1.output", 7),
        ("bit_widths", rule(choices=[8, 2]), "bit_widths.gru1.output", 8),
        ("mode", rule(choices=["relu", 3]), "mode.act", "relu"),
        ("mode", rule(choices=[3]), "mode.act", 3),
        ("ratio", rule(low=0.1, high=0.5), "ratio.prune", 0.1),
    ],
)
def test_a_default_outside_the_choices_goes_to_the_nearest(kind: str, entry: Rule, knob: str, default: Value) -> None:
    assert built(**{kind: entry}).defaults[knob] == default


@pytest.mark.parametrize(
    ("kind", "entry", "message", "allowed", "suggestion", "path"),
    [
        (
            "bit_width",
            rule(choices=[2]),
            'the system has no knobs of kind "bit_width"',
            "bit_widths, mode, ratio",
            "bit_widths",
            ("space", "bit_width"),
        ),
        (
            "bit_widths",
            rule("imput_reset", choices=[2]),
            '"imput_reset" matches no operator of the system',
            "gru0.input_reset, gru0.hidden_reset, gru1.output",
            "input_reset",
            ("space", "k", "operators"),
        ),
        ("bit_widths", rule(choices=[]), "no choices given", "2 to 8", "", ("space", "k", "choices")),
        (
            "bit_widths",
            rule(choices=[2, 4, 9]),
            "9 bits is not what gru0.input_reset takes",
            "2 to 8",
            "",
            ("space", "k", "choices", 2),
        ),
        (
            "bit_widths",
            rule("*output", choices=["four"]),
            '"four" is not what gru1.output takes',
            "2 to 8",
            "",
            ("space", "k", "choices", 0),
        ),
        (
            "mode",
            rule(choices=["relu", "gelu"]),
            '"gelu" is not what act takes',
            "relu, tanh, 3",
            "",
            ("space", "k", "choices", 1),
        ),
        ("ratio", rule(), "neither choices nor both low and high are given", "0 to 0.9", "", ("space", "k")),
        ("ratio", rule(low=0.1), "neither choices nor both low and high are given", "0 to 0.9", "", ("space", "k")),
        ("ratio", rule(low=0.5, high=0.5), "low 0.5 is not below high 0.5", "0 to 0.9", "", ("space", "k")),
        ("ratio", rule(low=float("nan"), high=0.5), "low nan is not below high 0.5", "0 to 0.9", "", ("space", "k")),
        ("ratio", rule(low=0.1, high=1.5), "1.5 is outside what prune takes", "0 to 0.9", "", ("space", "k", "high")),
        (
            "bit_widths",
            rule(low=2, high=4),
            "gru0.input_reset takes no interval",
            "choices out of 2 to 8",
            "",
            ("space", "k"),
        ),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(
    kind: str, entry: Rule, message: str, allowed: str, suggestion: str, path: tuple[str | int, ...]
) -> None:
    assert problems_of(kind, entry) == [Problem(path, message, allowed, suggestion)]


def test_all_mistakes_are_told_at_once() -> None:
    rules = {
        "bit_width": [rule(choices=[2])],
        "bit_widths": [rule("nope", choices=[2]), rule("gru0.*", choices=[1, 9])],
        "ratio": [rule(low=2, high=1)],
    }
    _, problems = build_space(rules, GROUPS)
    assert [p.message for p in problems] == [
        'the system has no knobs of kind "bit_width"',
        '"nope" matches no operator of the system',
        "1 bits is not what gru0.input_reset takes",
        "9 bits is not what gru0.input_reset takes",
        "low 2 is not below high 1",
    ]
