"""Illustrations: kept as files, read back, drawn without the system; nothing outside the folder is ever read."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluators.illustrations import Sound, Steps
from evaluators.progress import Silent
from search.display.progress import Display
from search.illustrations import (
    MAX_MEMBERS,
    Illustrations,
    IllustrationWarning,
    chosen_members,
    keep_illustrations,
    read_illustrations,
)
from search.records import TrialRecord
from search.report import RunView
from search.report.listening import drawn_steps, steps_figure
from search.report.page import report_html
from search.report.predictions import drawn_predictions, prediction_figures
from search.run import Run, carry_out
from search.run_directory import RunDirectory

MakeStudy = Callable[..., Any]
HOSTILE = '</script><b>x</b>"><audio src=x onerror=window.hit=1>'


def run(study: Any, out: Path, *, resume: bool = False) -> Run:
    return carry_out(study, RunDirectory(out), resume=resume, fresh=False, monitor=Display())


@pytest.fixture
def done(make_study: MakeStudy, tmp_path: Path) -> Run:
    return run(make_study({"name": "toy_systems:Illustrated"}, budget={"trials": 10}), tmp_path / "run")


def page_of(done: Run) -> str:
    view = RunView("run", done.front(), done.records(), illustrations=read_illustrations(done.directory))
    return report_html([view])


def test_members_of_the_front_are_illustrated(done: Run) -> None:
    shown = read_illustrations(done.directory)
    front = [trial["trial"] for trial in done.front()["trials"]]
    assert [s.trial for s in shown.sounds] == [None, *front]
    assert shown.sounds[0].content == b"as it came"
    assert shown.sounds[0].title == "as it came"
    assert [(s.trial, s.values, s.levels) for s in shown.steps] == [(trial, (0, 1, 1), ("a", "b")) for trial in front]
    assert [p.trial for p in shown.predictions] == front
    assert shown.predictions[0].true == shown.predictions[0].predicted == (1.0, 2.0, 3.5)
    assert shown.predictions[1].predicted == (1.1, 2.1, 3.6)


def test_the_page_holds_them_and_nothing_else_is_needed(done: Run) -> None:
    page = page_of(done)
    contents = re.findall(r'src="data:audio/wav;base64,([^"]+)"', page)
    assert [base64.b64decode(c) for c in contents[:2]] == [b"as it came", b"member 0"]
    assert len(contents) == 1 + len(done.front()["trials"])
    assert "<h2>Listening</h2>" in page
    assert "<h2>Over time</h2>" in page
    assert "<h2>Predictions</h2>" in page
    assert "media-src data:" in page


def test_names_stay_text(done: Run) -> None:
    index = done.directory.illustrations / "index.json"
    document = json.loads(index.read_text())
    for entry in document["sounds"]:
        entry["example"] = entry["title"] = HOSTILE
    for entry in document["steps"]:
        entry["title"], entry["levels"] = HOSTILE, [HOSTILE, "b"]
    for entry in document["predictions"]:
        entry["title"] = entry["quantity"] = HOSTILE
        entry["names"] = [HOSTILE] * 3
    index.write_text(json.dumps(document))
    page = page_of(done)
    assert "<b>x</b>" not in page
    assert "<audio src=x" not in page


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"file": "../secret.wav", "trial": 0},
        {"file": "/etc/hostname", "trial": 0},
        {"file": "001.exe", "trial": 0},
        {"file": "999.wav", "trial": 0},
        {"file": "888.wav", "trial": 0},
        {"file": "000.wav", "trial": "0"},
        {"file": 4, "trial": 0},
    ],
)
def test_entries_that_are_not_sound_are_left_out(done: Run, tmp_path: Path, entry: Any) -> None:
    folder = done.directory.illustrations
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (done.directory.path / "secret.wav").write_bytes(b"secret")
    (folder / "888.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "index.json").write_text(json.dumps({"sounds": [entry], "steps": []}))
    assert read_illustrations(done.directory) == Illustrations()


@pytest.mark.parametrize("content", ["", "[]", '{"sounds": 3}', '{"steps": [{"title": "a"}, {"values": [9]}]}'])
def test_a_spoiled_index_costs_the_illustrations_alone(done: Run, content: str) -> None:
    (done.directory.illustrations / "index.json").write_text(content)
    assert read_illustrations(done.directory) == Illustrations()
    assert "<h2>Listening</h2>" not in page_of(done)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"true": [1.0, 2.0]},
        {"true": [1.0, 2.0, float("nan")]},
        {"predicted": 3},
        {"predicted": ["a", "b", "c"]},
        {"names": []},
        {"trial": "0"},
    ],
)
def test_predictions_that_are_none_are_left_out(done: Run, spoiled: dict[str, Any]) -> None:
    index = done.directory.illustrations / "index.json"
    document = json.loads(index.read_text())
    document["predictions"][0] |= spoiled
    index.write_text(json.dumps(document))
    n_front = len(done.front()["trials"])
    assert len(read_illustrations(done.directory).predictions) == n_front - 1


def test_predictions_are_drawn_on_one_range(done: Run) -> None:
    view = RunView("run", done.front(), done.records(), illustrations=read_illustrations(done.directory))
    drawn = drawn_predictions(view)
    figures = prediction_figures(drawn)
    assert len(figures) == len(view.members)
    ranges = {(*f.layout.xaxis.range, *f.layout.yaxis.range) for f in figures.values()}
    assert len(ranges) == 1
    key = next(iter(drawn))
    marks = figures[key].data[1]
    assert list(marks.x) == list(drawn[key].true)
    assert list(marks.y) == list(drawn[key].predicted)
    assert marks.hovertext[2].startswith("<b>z</b><br>true 3.5<br>predicted 3.5")


def test_too_much_is_left_out(done: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.illustrations.MAX_BYTES", 20)
    shown = read_illustrations(done.directory)
    assert [sound.content for sound in shown.sounds] == [b"as it came", b"member 0"]
    assert shown.n_left_out > 0


def records(n: int) -> list[TrialRecord]:
    return [TrialRecord(10 * i, "validation", {"a": i}, "done") for i in range(n)]


def test_of_many_members_some_are_chosen_the_knee_among_them() -> None:
    assert chosen_members(records(5), None) == records(5)
    chosen = [r.trial for r in chosen_members(records(100), 130)]
    assert len(chosen) == MAX_MEMBERS
    assert (chosen[0], chosen[-1]) == (0, 990)
    assert 130 in chosen
    assert chosen == sorted(chosen)


def test_what_a_system_cannot_show_is_a_warning(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study({"name": "toy_systems:Illustrated", "fault": "illustrate"}, budget={"trials": 10})
    with pytest.warns(IllustrationWarning, match=r"illustrate raised OSError: no loudspeaker"):
        done = run(study, tmp_path / "run")
    assert done.front()["trials"]
    assert read_illustrations(done.directory) == Illustrations()


def test_where_nothing_is_done_nothing_is_asked(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study({"name": "toy_systems:Illustrated"})
    keep_illustrations(study.system, RunDirectory(tmp_path), [], None, Silent())
    assert list(tmp_path.glob("clips/*")) == []


def test_positions_of_the_front_become_trials(tmp_path: Path) -> None:
    class Shows:
        def illustrate(self, configurations: Any) -> Any:
            return [Sound("clip", "", b"x", "flac", 1), Steps("t", ["a"], [0], 16.0, 0)]

    keep_illustrations(Shows(), RunDirectory(tmp_path), records(2), None, Silent())  # type: ignore[arg-type]
    shown = read_illustrations(RunDirectory(tmp_path))
    assert (shown.sounds[0].trial, shown.steps[0].trial) == (10, 0)


def test_decisions_of_several_parts_are_rows(done: Run) -> None:
    view = RunView("run", done.front(), done.records(), illustrations=read_illustrations(done.directory))
    (one,) = next(iter(drawn_steps(view).values()))
    assert list(steps_figure([one]).data[0].y) == [0, 1, 1]
    parts = [replace(one, part="first"), replace(one, part="<b>second</b>", values=(1, 0, 0))]
    (rows,) = steps_figure(parts).data
    assert [list(row) for row in rows.z] == [[0, 1, 1], [1, 0, 0]]
    assert list(rows.x) == [0, 0.016, 0.032]
    assert rows.y[0] == "first"
    assert "<b>" not in rows.y[1]
