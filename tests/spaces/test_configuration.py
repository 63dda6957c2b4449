"""One spelling and one hash for every configuration."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from spaces import canonical, configuration_hash

values = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.booleans()
configurations = st.dictionaries(st.text(), values, max_size=6)


def test_whole_floats_and_integers_are_spelled_alike() -> None:
    assert canonical({"b": 4.0, "a": -0.0}) == canonical({"a": 0, "b": 4}) == '{"a":0,"b":4}'


def test_booleans_texts_and_numbers_stay_apart() -> None:
    assert len({canonical({"a": value}) for value in (True, 1, "1")}) == 3


@given(configurations)
def test_the_spelling_does_not_depend_on_the_order_of_the_knobs(configuration: dict[str, int | float | str]) -> None:
    assert canonical(dict(reversed(configuration.items()))) == canonical(configuration)


@given(configurations)
def test_reading_the_spelling_back_gives_the_same_spelling(configuration: dict[str, int | float | str]) -> None:
    assert canonical(json.loads(canonical(configuration))) == canonical(configuration)


@given(configurations, configurations)
def test_hashes_agree_exactly_where_spellings_do(
    one: dict[str, int | float | str], other: dict[str, int | float | str]
) -> None:
    assert (configuration_hash(one) == configuration_hash(other)) == (canonical(one) == canonical(other))


def test_hash_is_sixteen_digits_of_sha256() -> None:
    # printf '{"a":4}' | sha256sum
    assert configuration_hash({"a": 4.0}) == "17e7d2b31edd9f05"
