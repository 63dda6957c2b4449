from __future__ import annotations

import html
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.report.text import (
    clean,
    configuration_lines,
    html_text,
    number,
    padded,
    plotly_lines,
    plotly_text,
    script_json,
)

WILD = st.text(st.characters(codec=None), max_size=300)


@given(WILD)
def test_nothing_that_a_parser_acts_on_is_left(text: str) -> None:
    for shown in (html_text(text), plotly_text(text)):
        assert "<" not in shown
        assert ">" not in shown
        shown.encode()  # no lone surrogates
    assert '"' not in html_text(text)
    assert "<" not in plotly_lines([text]).replace("<br>", "")


@given(WILD, st.integers(1, 80))
def test_escaping_shows_the_text_itself(text: str, limit: int) -> None:
    assert html.unescape(html_text(text, limit)) == clean(text, limit)
    assert html.unescape(plotly_text(text, limit)) == clean(text, limit)
    assert len(clean(text, limit)) <= limit


@given(WILD)
def test_json_in_a_script_is_the_same_value_and_cannot_end_the_script(text: str) -> None:
    shown = script_json({text: [text]})
    assert json.loads(shown) == {text: [text]}
    assert not {"<", ">", "&", "\u2028"} & set(shown)
    assert shown.isascii()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_holds_finite_numbers_only(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json([value])


def test_long_text_loses_its_middle() -> None:
    assert clean("abcdefghij", 7) == "abcd…ij"
    assert clean("abcdefg", 7) == "abcdefg"


def test_text_that_would_mislead_the_eye_is_replaced() -> None:
    assert clean("a\u202eb\x00c\nd") == "a\ufffdb\ufffdc d"
    assert clean("1\u202f000\u00a0kB") == "1\u202f000\u00a0kB"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (3.14159, "3.142"),
        (44, "44"),
        (999.5, "999.5"),
        (1000, "1\u202f000"),
        (1234567, "1\u202f234\u202f567"),
    ],
)
def test_number(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(12.1, "12.10"), (5.0, "5.000"), (1234.5, "1\u202f234"), (0.05, "0.05000")]
)
def test_padded_numbers_keep_their_precision(value: float, shown: str) -> None:
    assert padded(value) == shown


def test_few_knobs_are_named_many_are_listed_and_equal_ones_summed_up() -> None:
    many = {f"bit_widths.op{i}": 2 + i % 3 for i in range(7)}
    lines = configuration_lines({**many, "router.kind": "mean", "router.tau": 0.25, "seed": 3, "w.a": 4, "w.b": 4})
    assert lines == ["bit_widths: 2 3 4 2 3 4 2", "router: kind=mean, tau=0.25", "seed: 3", "w: all 4"]
