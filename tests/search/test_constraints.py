"""Bounds on metrics and costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import Study
from search.constraints import Constraint, parse_constraint, total_violation
from search.optimizers import Observation
from search.optimizers.baseline import RandomSearch

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("peak_ram_bytes <= 16384", Constraint("peak_ram_bytes", "<=", 16384.0)),
        ("  accuracy>=0.9 ", Constraint("accuracy", ">=", 0.9)),
        ("stopband_db <= -40", Constraint("stopband_db", "<=", -40.0)),
        ("macs <= 1e6", Constraint("macs", "<=", 1e6)),
    ],
)
def test_a_bound_is_read(text: str, constraint: Constraint) -> None:
    assert parse_constraint(text) == constraint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", '"" is not a bound'),
        ("macs", '"macs" is not a bound'),
        ("macs = 3", '"macs = 3" is not a bound'),
        ("3 <= macs", '"3 <= macs" is not a bound'),
        ("macs <= 3 <= 4", '"macs <= 3 <= 4" is not a bound'),
        ("macs <= 16KB", '"16KB" is not a number'),
        ("macs <= nan", '"nan" bounds nothing'),
        ("macs <= inf", '"inf" bounds nothing'),
        ("macs < 3", '"<" is not supported: write "<="'),
        ("macs > 3", '">" is not supported: write ">="'),
    ],
)
def test_what_is_no_bound_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_constraint(text)
    assert str(caught.value) == told


@given(st.sampled_from(["<=", ">="]), finite)
def test_writing_and_reading_keeps_a_bound(relation: str, bound: float) -> None:
    read = parse_constraint(f"macs {relation} {bound!r}")
    again = parse_constraint(str(read))
    assert again.relation == relation
    assert math.isclose(again.bound, bound, rel_tol=1e-11)


def test_violation_is_relative_to_the_bound() -> None:
    assert Constraint("macs", "<=", 200.0).violation({"macs": 250.0}) == 0.25
    assert Constraint("macs", "<=", 200.0).violation({"macs": 200.0}) == 0.0
    assert Constraint("accuracy", ">=", 0.8).violation({"accuracy": 0.6}) == pytest.approx(0.25)
    assert Constraint("stopband_db", "<=", -40.0).violation({"stopband_db": -30.0}) == 0.25


def test_excess_is_below_zero_where_a_bound_is_kept() -> None:
    assert Constraint("macs", "<=", 200.0).excess({"macs": 150.0}) == -0.25
    assert Constraint("accuracy", ">=", 0.8).excess({"accuracy": 1.0}) == pytest.approx(-0.25)
    assert Constraint("stopband_db", "<=", -40.0).excess({"stopband_db": -50.0}) == -0.25


def test_optimizers_hear_how_far_measured_bounds_are_kept(
    make_study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Observation] = []
    monkeypatch.setattr(RandomSearch, "tell", lambda self, observations: heard.extend(observations))
    bounds = ["error_rate <= 0.5", "model_bytes <= 1e9"]
    run = make_study(optimizer="random", constraints=bounds, budget={"trials": 20}).run(tmp_path, quiet=True)
    errors = [record.metrics["error_rate"] for record in run.records() if record.split == "validation"]
    # Bytes are exact before anything is evaluated: nothing is to be learned of them.
    assert [o.excesses for o in heard] == [pytest.approx(((error - 0.5) / 0.5,)) for error in errors]


def test_violations_add_up_over_what_is_known() -> None:
    constraints = [Constraint("macs", "<=", 200.0), Constraint("ram", "<=", 10.0), Constraint("accuracy", ">=", 0.5)]
    assert total_violation(constraints, {"macs": 250.0, "ram": 15.0}) == 0.75


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_exactly_values_beyond_the_bound_violate_it(bound: int, value: int) -> None:
    assert (Constraint("macs", "<=", bound).violation({"macs": value}) > 0) == (value > bound)
    assert (Constraint("macs", ">=", bound).violation({"macs": value}) > 0) == (value < bound)
