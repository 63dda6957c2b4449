"""Laws of single parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import Categorical, Continuous, Ordered, Parameter, Value, parameter_of

numbers = st.integers(-50, 50) | st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3))
ordered = st.sets(numbers, min_size=1, max_size=8).map(lambda s: parameter_of("o", sorted(s)))
categorical = st.sets(st.text(max_size=3), min_size=1, max_size=6).map(lambda s: Categorical("c", tuple(sorted(s))))
bounds = st.floats(-1e9, 1e9, allow_nan=False)


@st.composite
def continuous(draw: st.DrawFn) -> Continuous:
    low, high = sorted(draw(st.lists(bounds, min_size=2, max_size=2, unique=True)))
    return Continuous("x", low, high)


@given(ordered | categorical)
def test_decode_inverts_encode_on_every_choice(parameter: Ordered | Categorical) -> None:
    for choice in parameter.choices:
        assert parameter.decode(parameter.encode(choice)) == choice


@given(continuous(), st.floats(-0.5, 1.5))
def test_a_continuous_value_has_one_spelling(parameter: Continuous, share: float) -> None:
    value = parameter.decode(share)
    assert parameter.contains(value)
    assert parameter.decode(parameter.encode(value)) == value


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_rounding_moves_a_continuous_value_by_a_millionth_of_the_interval_at_most(
    low: float, span: float, share: float
) -> None:
    parameter = Continuous("x", low, low + span)
    assert abs(parameter.encode(parameter.decode(share)) - share) <= 1e-6


def test_narrow_and_wide_intervals_keep_their_resolution() -> None:
    # A step of 1e-6 of the interval: 1e-13 for a width of 1e-7, 1 for a width of 1e6.
    assert Continuous("x", 1e-7, 2e-7).decode(0.5) == pytest.approx(1.5e-7, rel=1e-5)
    assert Continuous("x", 0, 1e6).decode(0.1234567) == 123457.0
    assert Continuous("x", 0, 1).decode(1 / 3) == 0.333333


@given(ordered)
def test_neighbours_of_ordered_choices_are_symmetric_and_one_step_away(parameter: Ordered) -> None:
    for choice in parameter.choices:
        for neighbour in parameter.neighbours(choice):
            assert choice in parameter.neighbours(neighbour)
            assert abs(parameter.encode(choice) - parameter.encode(neighbour)) == 1


@given(categorical)
def test_every_other_category_is_a_neighbour(parameter: Categorical) -> None:
    for choice in parameter.choices:
        assert set(parameter.neighbours(choice)) == set(parameter.choices) - {choice}


def test_neighbours_of_a_continuous_value_are_a_tenth_away_and_inside() -> None:
    parameter = Continuous("x", 0.0, 2.0)
    assert parameter.neighbours(1.0) == (0.8, 1.2)
    assert parameter.neighbours(0.0) == (0.2,)
    assert parameter.neighbours(2.0) == (1.8,)


@given(ordered | categorical | continuous(), st.integers(0, 2**32 - 1))
def test_samples_belong_to_the_parameter_and_follow_the_generator(parameter: Parameter, seed: int) -> None:
    first = [parameter.sample(np.random.default_rng(seed)) for _ in range(2)]
    assert first[0] == first[1]
    assert parameter.contains(first[0])


def test_codes_between_and_beyond_the_choices_go_to_the_nearest() -> None:
    parameter = Ordered("o", (2, 4, 8))
    assert [parameter.decode(code) for code in (-3.0, 0.49, 0.5, 1.2, 99.0)] == [2, 2, 4, 4, 8]


def test_levels_are_what_baselines_use() -> None:
    assert Ordered("o", (2, 4, 8)).levels() == (2, 4, 8)
    assert Categorical("c", ("a", "b")).levels() == ("a", "b")
    assert Continuous("x", 0.0, 1.0).levels() == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_numbers_become_ordered_and_sorted_without_repeats() -> None:
    assert parameter_of("o", (8, 2, 4, 2.0)) == Ordered("o", (2, 4, 8))


@pytest.mark.parametrize("choices", [("relu", "tanh"), (1, "auto"), (True, False)])
def test_anything_else_becomes_categorical(choices: tuple[Value, ...]) -> None:
    assert parameter_of("c", choices) == Categorical("c", choices)


def test_a_boolean_is_no_number_and_an_equal_float_is_the_same_choice() -> None:
    parameter = Ordered("o", (0, 1))
    assert not parameter.contains(True)
    assert parameter.contains(1.0)
    assert parameter.encode(1.0) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ordered("o", ()), "o: no choices"),
        (lambda: Ordered("o", (1, math.nan)), "o: ordered choices must be finite numbers"),
        (lambda: Ordered("o", (1, True)), "o: ordered choices must be finite numbers"),
        (lambda: Ordered("o", (2, 1)), "o: ordered choices must rise without repeats"),
        (lambda: Categorical("c", ()), "c: no choices"),
        (lambda: Categorical("c", ("a", "a")), "c: repeated choice"),
        (lambda: Continuous("x", 1.0, 1.0), "x: need finite low < high, got 1.0 and 1.0"),
        (lambda: Continuous("x", 0.0, math.inf), "x: need finite low < high"),
    ],
)
def test_impossible_parameters_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
