"""How a mistake is told."""

from __future__ import annotations

import pytest

from spaces import Kind, Problem, Value, kind_of, nearest, unknown


def test_the_path_reads_as_the_user_writes_it() -> None:
    assert Problem(("space", "bit_widths", 0, "choices", 2), "m").dotted() == "space.bit_widths[0].choices[2]"
    assert Problem((), "m").dotted() == ""
    assert Problem(("choices", 2), "m").under("space", "k").path == ("space", "k", "choices", 2)


def test_advice_names_what_is_allowed_and_what_was_meant() -> None:
    assert unknown(("x",), "optimizer", "nsga-2", ["tpe", "nsga2"]).advice() == (
        'Allowed: nsga2, tpe. Did you mean "nsga2"?'
    )
    assert unknown(("x",), "optimizer", "zzz", []).advice() == "Allowed: none."
    assert Problem((), "m").advice() == ""


def test_nothing_is_suggested_that_is_not_close() -> None:
    assert nearest("simulated_annealing", ["nsga2", "tpe"]) == ""


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (kind_of("bit_widths"), 4, "4 bits"),
        (kind_of("bit_widths"), 4.0, "4 bits"),
        (kind_of("taps"), 0.25, "taps 0.25"),
        (Kind("mode"), "fast", "mode fast"),
    ],
)
def test_a_value_is_shown_with_its_unit_or_its_kind(kind: Kind, value: Value, text: str) -> None:
    assert kind.show(value) == text


def test_a_kind_of_a_users_own_system_selects_by_operators() -> None:
    assert kind_of("taps").selector == "operators"
