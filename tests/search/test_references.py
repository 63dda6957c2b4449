"""References: asked once, kept beside the journal, in the front document, the tables and the page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from search.display.progress import Display
from search.display.tables import print_front
from search.front import front_csv
from search.report import RunView, front_figure
from search.report.page import report_html
from search.run import Run, carry_out
from search.run_directory import RunDirectory

MakeStudy = Callable[..., Any]
COMPARED = {"name": "toy_systems:Compared"}


def run(study: Any, out: Path, *, resume: bool = False) -> Run:
    return carry_out(study, RunDirectory(out), resume=resume, fresh=False, monitor=Display())


@pytest.fixture
def done(make_study: MakeStudy, tmp_path: Path) -> Run:
    return run(make_study(COMPARED, budget={"trials": 10}), tmp_path / "run")


def test_the_front_document_holds_them_on_both_splits(done: Run) -> None:
    nothing, published = done.front()["references"]
    assert nothing["label"] == "nothing"
    assert nothing["validation"] == nothing["test"] == {"error_rate": 0.5}
    assert nothing["test_standard_errors"] == {"error_rate": 0.1}
    assert nothing["validation_clips"] == [{"clip": "a", "error_rate": 0.5}]
    assert nothing["costs"] == {"model_bytes": 0}
    assert (published["validation"], published["test"]) == ({}, {"error_rate": 0.2})
    assert done.front() == json.loads(done.directory.front_json.read_text())


def test_they_are_asked_for_once(make_study: MakeStudy, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    study = make_study({**COMPARED, "calls": str(calls)}, budget={"trials": 10})
    run(study, tmp_path / "run")
    run(study, tmp_path / "run", resume=True)
    assert calls.read_text().count("references") == 2, "one for each split"


def test_a_system_without_any_has_no_file(make_study: MakeStudy, tmp_path: Path) -> None:
    plain = run(make_study(budget={"trials": 10}), tmp_path / "run")
    assert plain.front()["references"] == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"references": 3}', '{"references": [3, {"label": 4}]}'])
def test_a_spoiled_file_costs_the_references_alone(done: Run, content: str) -> None:
    done.directory.references.write_text(content)
    assert done.front()["references"] == []


def test_tables_and_the_page_show_them(done: Run) -> None:
    document = done.front()
    rows = front_csv(document).splitlines()
    assert [row.split(",")[:2] for row in rows[-2:]] == [["nothing", ""], ["published", ""]]
    text = io.StringIO()
    print_front(document, Console(file=text, width=200))
    assert "References" in text.getvalue()
    assert "published" in text.getvalue()
    view = RunView("run", document, done.records())
    traces = {trace.name: trace for trace in front_figure(view).data if trace.name}
    validation, test = traces["references, validation"], traces["references, test ± standard error"]
    assert validation.marker.symbol == "diamond"
    assert list(validation.customdata) == ["r0", "r1"]
    assert None in (validation.x[1], validation.y[1])
    assert list(test.text) == ["", "published"]
    page = report_html([view])
    assert "Diamonds are references that the space does not hold: nothing, published." in page
    assert "and 2 references" in page
    assert 'data-key="r1"' in page
