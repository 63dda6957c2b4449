"""What a person sees in a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from cost_models import COSTS, Operator, Workload, cost_report
from search.display.numbers import duration, number, unit_of
from search.display.progress import Display, LiveBar, PlainLines, Quiet
from search.display.tables import MAX_ROWS, print_costs, print_front, print_list


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("error_rate", 0.0375, "3.75"),
        ("accuracy", 1.0, "100.00"),
        ("model_bytes", 10240.0, "10,240"),
        ("model_bytes", 1536.5, "1,536"),
        ("latency_ms", 3.14159, "3.142"),
        ("latency_ms", 31415.9, "31,416"),
        ("stopband_db", -41.27, "-41.27"),
        ("macs", 1e18, "1,000,000,000,000,000,000"),
        ("loss", math.nan, "-"),
        ("loss", math.inf, "-"),
    ],
)
def test_numbers_as_people_read_them(name: str, value: float, text: str) -> None:
    assert number(name, value) == text


@pytest.mark.parametrize(
    ("name", "unit"),
    [("error_rate", "%"), ("model_bytes", "B"), ("latency_ms", "ms"), ("energy_uj", "uJ"), ("macs", ""), ("bytes", "")],
)
def test_the_unit_follows_from_the_name(name: str, unit: str) -> None:
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7322, "2 h 02 min"),
    ],
)
def test_time_spans(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lines = PlainLines()
    for done in range(5):
        lines.show("search", done, 1000, "")
        now += 1.0
    lines.close("search", 1000, 1000, "200 trials/s")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "search  0/1,000",
        "search  2/1,000",
        "search  4/1,000",
        "search  1,000/1,000  200 trials/s",
    ]


def test_a_search_shows_speed_time_left_hypervolume_and_front(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    display = Display()
    display.begin("search", 1000)
    display.update(200, math.nan, -1)  # those of an earlier run
    now += 10.0
    display.update(400, 12.345678, 9)
    now += 10.0
    display.update(500, math.nan, -1)
    display.end()
    assert capsys.readouterr().err.splitlines()[1:] == [
        "search  400/1,000  20 trials/s  30 s left  hypervolume 12.346  front 9",
        "search  500/1,000  15 trials/s  33 s left  hypervolume 12.346  front 9",
        "search  500/1,000  15 trials/s  33 s left  hypervolume 12.346  front 9",
    ]


def test_a_preparation_shows_its_note(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    display.start("training", 3)
    display.advance(note="loss 0.31")
    display.advance(2, note="loss 0.12")
    display.finish()
    assert capsys.readouterr().err.splitlines()[-1].startswith("training  3/3  loss 0.12")


def test_in_a_terminal_a_bar_is_drawn_and_notes_are_taken_literally() -> None:
    screen = io.StringIO()
    bar = LiveBar(Console(file=screen, force_terminal=True, width=100))
    bar.close("never begun", 0, 1, "")
    bar.show("training", 1, 2000, "epoch [/3] loss [bold]")
    bar.close("training", 2000, 2000, "done")
    assert "2,000/2,000" in screen.getvalue()
    assert "epoch [/3] loss [bold]" in screen.getvalue()


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Quiet()
    quiet.begin("search", 3)
    quiet.update(1, 2.0, 3)
    quiet.end()
    quiet.start("training", 3)
    quiet.advance(1, "note")
    quiet.finish()
    assert capsys.readouterr() == ("", "")


def trial(number: int, error_rate: float, model_bytes: int, **more: Any) -> dict[str, Any]:
    return {
        "trial": number,
        "validation": {"error_rate": error_rate},
        "test": {},
        "test_standard_errors": {},
        "costs": {"model_bytes": model_bytes},
        **more,
    }


def document(**more: Any) -> dict[str, Any]:
    return {
        "objectives": ["error_rate", "model_bytes"],
        "is_feasible": True,
        "knee": 7,
        "n_trials": 1000,
        "states": {"done": 990, "failed": 10},
        "hypervolume": 12.5,
        "baseline_hypervolume": 10.0,
        "trials": [trial(7, 0.05, 2048), trial(9, 0.1, 1024)],
        "baselines": [{"label": "4 [bits]", **trial(2, 0.2, 1500)}],
        **more,
    }


def printed(shown: Mapping[str, Any], width: int = 120) -> str:
    text = io.StringIO()
    print_front(shown, Console(file=text, width=width))
    return text.getvalue()


def test_a_front_is_shown_beside_its_baselines() -> None:
    text = printed(document())
    assert "Pareto front, 2 of 1000 trials" in text
    assert "Homogeneous baselines" in text.splitlines()[0]
    assert "7 knee" in text
    assert "2,048" in text
    assert "4 [bits]" in text
    assert "hypervolume 12.5, homogeneous baselines alone 10 (+25.0 %); trials: 990 done, 10 failed" in text
    assert "on test" not in text


def test_scores_on_test_stand_beside_those_on_validation() -> None:
    scored = {"test": {"error_rate": 0.0612}, "test_standard_errors": {"error_rate": 0.0034}}
    text = printed(document(trials=[trial(7, 0.05, 2048, **scored), trial(9, 0.1, 1024)]))
    assert "on test" in text
    assert "6.12 ± 0.34" in text


def test_where_nothing_is_feasible_it_says_so() -> None:
    shown = document(is_feasible=False, knee=None, hypervolume=0.0, baseline_hypervolume=0.0)
    shown["trials"][0]["validation"] = {}  # was not evaluated
    text = printed(shown)
    assert "No trial keeps to every" in text
    assert "baselines alone" not in text


def test_a_long_front_is_thinned_and_says_so() -> None:
    trials = [trial(i, i / 1000, 5000 - i) for i in range(100)]
    text = printed(document(trials=trials, baselines=[], knee=0))
    assert f"and {100 - MAX_ROWS} more between them" in text
    assert " 4,901" in text  # the last one is always there


def test_a_narrow_terminal_still_shows_everything() -> None:
    assert "Homogeneous baselines" in printed(document(), width=45)


def test_costs_operator_by_operator() -> None:
    report = cost_report(Workload([Operator("gru0[a]", "matrix_vector", macs=4096, weight_count=64, weight_bytes=32)]))
    text = io.StringIO()
    print_costs(report.operators, report.costs, Console(file=text, width=100))
    assert "gru0[a]" in text.getvalue()
    assert "4,096" in text.getvalue()
    assert all(name in text.getvalue() for name in COSTS)


def test_lists_keep_their_brackets() -> None:
    text = io.StringIO()
    print_list([("a", "[b] of /c")], Console(file=text, width=100))
    assert text.getvalue().split() == ["a", "[b]", "of", "/c"]
