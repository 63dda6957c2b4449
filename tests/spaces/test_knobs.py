"""What a system may offer, and how a user's system may write it."""

from __future__ import annotations

from typing import Any

import pytest

from spaces import Choices, Condition, Interval, Knob, check_conditions, knob_group


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ([2, 4, 8], Knob(Choices((2, 4, 8)), 8)),
        (range(2, 5), Knob(Choices((2, 3, 4)), 4)),
        (("relu", "tanh"), Knob(Choices(("relu", "tanh")), "tanh")),
        (Choices((1, 2)), Knob(Choices((1, 2)), 2)),
        (Interval(0.0, 0.5), Knob(Interval(0.0, 0.5), 0.5)),
        (Knob(Choices((1, 2)), 1), Knob(Choices((1, 2)), 1)),
    ],
)
def test_a_knob_may_be_written_in_several_ways(written: Any, read: Knob) -> None:
    assert knob_group("bit_widths", {"a": written}) == {"a": read}


@pytest.mark.parametrize("written", ["relu", b"relu", [], (), Choices(()), [[2], [4]], None, 4, {2, 4}, Interval(1, 1)])
def test_anything_else_is_told_with_the_name_of_the_knob(written: Any) -> None:
    with pytest.raises(TypeError, match=r"'bit_widths.a' must be a sequence of choices, Choices, Interval or Knob"):
        knob_group("bit_widths", {"a": written})


@pytest.mark.parametrize("knobs", [{}, [2, 4], None])
def test_a_kind_without_knobs_is_told(knobs: Any) -> None:
    with pytest.raises(TypeError, match="knobs of kind 'bit_widths' must be a mapping from names to choices"):
        knob_group("bit_widths", knobs)


def test_a_kind_is_a_single_name() -> None:
    with pytest.raises(TypeError, match=r"kind 'bit.widths' must be a name without dots or spaces"):
        knob_group("bit.widths", {"a": [2, 4]})


def test_a_default_that_the_knob_cannot_take_is_told() -> None:
    with pytest.raises(TypeError, match=r"knob 'bit_widths.a' has the default 9, which it cannot take: 2 to 4"):
        knob_group("bit_widths", {"a": Knob(Choices((2, 3, 4)), 9)})


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Choices((2, 3, 4)), "2 to 4"),
        (Choices((2, 4, 8)), "2, 4, 8"),
        (Choices((2, 3)), "2, 3"),
        (Choices(("relu", "tanh")), "relu, tanh"),
        (Interval(0.0, 0.5), "0 to 0.5"),
    ],
)
def test_a_domain_says_what_is_allowed(domain: Choices | Interval, text: str) -> None:
    assert str(domain) == text


@pytest.mark.parametrize("value", [True, "4", float("nan"), 4.5])
def test_booleans_texts_and_nan_are_no_bit_widths(value: Any) -> None:
    assert not Choices((1, 4)).contains(value)
    assert not Interval(0, 4).contains(value)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Condition("exits.none", ("gru",)), "'exits.none', which is no knob of the system"),
        (Condition("thresholds.gru", (0.5,)), "must have choices and no condition"),
        (Condition("thresholds.late", (0.5,)), "must have choices and no condition"),
        (Condition("exits.placement", ("fc",)), r"being \('fc',\); it is gru, gru\+final"),
        (Condition("exits.placement", ()), r"being \(\); it is gru, gru\+final"),
    ],
)
def test_a_condition_that_cannot_be_followed_is_told(condition: Condition, told: str) -> None:
    groups = {
        "exits": {"placement": Knob(Choices(("gru", "gru+final")), "gru")},
        "thresholds": {
            "gru": Knob(Interval(0, 1), 0.5, condition),
            "late": Knob(Interval(0, 1), 0.5),
            "other": Knob(Interval(0, 1), 0.5, Condition("exits.placement", ("gru",))),
        },
    }
    with pytest.raises(TypeError, match=f"knob 'thresholds.gru' depends on .*{told}"):
        check_conditions(groups)
    groups["thresholds"].pop("gru")
    check_conditions(groups)
