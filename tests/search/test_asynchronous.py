"""The search without generations: labelled, without waiting, and nothing lost by an interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import Study
from search.display.progress import Quiet
from search.errors import SpecError
from search.run import Run, carry_out
from search.run_directory import RunDirectory

MODE = {"name": "serial", "mode": "asynchronous"}


def run(study: Study, path: Path, *, resume: bool = False, monitor: Any = None) -> Run:
    return carry_out(study, RunDirectory(path), resume=resume, fresh=False, monitor=monitor or Quiet())


class Stopping(Quiet):
    """Interrupts once so many trials are done."""

    def __init__(self, after: int) -> None:
        self._after = after

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        if done >= self._after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", ["nsga2", "tpe", "random", "exhaustive"])
def test_every_trial_is_made_once_and_labelled(
    make_study: Callable[..., Study], tmp_path: Path, optimizer: str
) -> None:
    done = run(make_study(executor=MODE, optimizer=optimizer, budget={"trials": 60}), tmp_path / "run")
    records = [r for r in done.records() if r.split == "validation"]
    assert [r.trial for r in records] == list(range(60))
    assert {r.mode for r in records} == {"asynchronous"}
    assert len({str(sorted(r.configuration.items())) for r in records}) == 60
    assert [r.label for r in records if r.label] == [f"{bits} bits" for bits in range(2, 9)]
    front = done.front()
    assert front["mode"] == "asynchronous"
    assert front["hypervolume"] >= front["baseline_hypervolume"] > 0
    assert {r.mode for r in done.records() if r.split == "test"} == {"asynchronous"}


@pytest.mark.parametrize("after", [0, 3, 20])
def test_an_interrupted_search_goes_on_from_what_is_known(
    make_study: Callable[..., Study], tmp_path: Path, after: int
) -> None:
    calls = tmp_path / "calls"
    study = make_study({"calls": str(calls)}, executor=MODE, budget={"trials": 50})
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "run", monitor=Stopping(after))
    kept = Run(RunDirectory(tmp_path / "run")).records()
    done = run(study, tmp_path / "run", resume=True)
    records = [r for r in done.records() if r.split == "validation"]
    assert [r.trial for r in records] == list(range(50))
    assert len({str(sorted(r.configuration.items())) for r in records}) == 50
    assert all(record in records for record in kept if record.split == "validation")
    evaluated = Counter(line for line in calls.read_text().splitlines() if line.startswith("validation"))
    # What was under way when it stopped may have been evaluated without leaving a record.
    assert len(evaluated) >= 50


def test_a_small_space_is_used_up_and_the_search_ends(make_study: Callable[..., Study], tmp_path: Path) -> None:
    space = {"bit_widths": [{"operators": "k0", "choices": [2, 4, 8]}, {"operators": "*", "choices": [8]}]}
    done = run(make_study(executor=MODE, space=space, budget={"trials": 50}), tmp_path / "run")
    assert len([r for r in done.records() if r.split == "validation"]) == 3


def test_workers_find_what_is_there_to_be_found(make_study: Callable[..., Study], tmp_path: Path) -> None:
    executor = {"name": "processes", "workers": 2, "mode": "asynchronous"}
    done = run(make_study({"fault": "raise"}, executor=executor, budget={"trials": 40}), tmp_path / "run")
    records = [r for r in done.records() if r.split == "validation"]
    assert [r.trial for r in records] == list(range(40))
    assert {r.state for r in records} == {"done", "failed"}


def test_the_mode_of_a_run_cannot_be_changed(make_study: Callable[..., Study], tmp_path: Path) -> None:
    run(make_study(executor="serial", budget={"trials": 10}), tmp_path / "run")
    with pytest.raises(SpecError, match=r"executor\.mode: the run has generations, the study has asynchronous"):
        run(make_study(executor=MODE, budget={"trials": 20}), tmp_path / "run", resume=True)


def test_an_address_that_is_none_is_an_error_of_the_study() -> None:
    from toy_studies import toy_study

    with pytest.raises(SpecError, match=r'executor.address: "somewhere" is no address of a Ray cluster'):
        toy_study(executor={"name": "ray", "address": "somewhere"})
