"""The race counts what is new, keeps little, goes on where it stopped, and says who wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.race.analytic import exact_toy_front, toy
from benchmarks.race.plots import quartiles_of, write_plot
from benchmarks.race.problem import Ledger, SpentError
from benchmarks.race.results import Result, Results, at_marks
from benchmarks.race.running import run_missing
from benchmarks.race.tables import summary, table


def result(contestant: str, seed: int, **found: float) -> Result:
    return Result("digits", contestant, seed, {int(k[1:]): v for k, v in found.items()}, 1.0, "x 1")


def test_repeats_are_answered_and_not_counted(tmp_path: Path) -> None:
    problem = toy(tmp_path)
    default = problem.space.defaults
    ledger = Ledger(problem, 2)
    assert ledger.evaluate([default, default]) == 2 * ledger.evaluate([default])
    assert len(ledger.observations) == 1
    with pytest.raises(SpentError):
        ledger.evaluate([{**default, "bit_widths.op0": 2}])
    assert 0 < ledger.hypervolume(1) < ledger.hypervolume(2)


def test_values_are_kept_at_the_marks_and_the_end() -> None:
    assert at_marks(lambda n: n / 3, 60) == {25: 8.333333, 50: 16.66667, 60: 20.0}


def test_a_race_goes_on_where_it_stopped(tmp_path: Path) -> None:
    results = Results(tmp_path)
    run_missing(results, tmp_path, ["exact toy"], ["random"], 1, 50)
    first = (tmp_path / "results.jsonl").read_text()
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"problem": "exact toy", "conte')  # interrupted while it wrote
    assert list(results.read()) == [("exact toy", "random", 0)]
    run_missing(results, tmp_path, ["exact toy"], ["random"], 1, 50)
    assert (tmp_path / "results.jsonl").read_text().startswith(first)
    assert len(results.read()) == 1


def test_tables_show_medians_and_quartiles_in_per_cent_of_the_reference(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.add_reference("digits", 200.0, np.array([[1.0, 1.0]]))
    for seed, value in enumerate((100.0, 150.0, 180.0)):
        results.add(result("guided", seed, n50=value, n100=190.0))
    results.add(result("random", 0, n50=80.0, n100=120.0))
    assert "| guided | 3 | 75.0 (62.5 to 82.5) | 95.0 (95.0 to 95.0) |" in list(table(results, "digits"))
    rows = list(summary(results, ["digits", "zdt1"]))
    assert rows[2].startswith("| digits | 75.0 | 95.0 |")
    assert "60.0 (random) | 100 | 3 / 1 |  |" in rows[2]
    results.add(result("random", 1, n50=80.0, n100=120.0, n500=199.0))
    assert list(summary(results, ["digits"]))[2].endswith("| 99.5 at 500 (random) |")


def test_a_plot_shows_the_marks_that_all_runs_have_reached(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `benchmarks`")
    results = Results(tmp_path)
    runs = [result("guided", 0, n50=1.0, n100=2.0), result("guided", 1, n50=3.0)]
    marks, quartiles = quartiles_of(runs, 4.0)
    assert (marks, quartiles.tolist()) == ([50], [[37.5], [50.0], [62.5]])
    for run in runs:
        results.add(run)
    write_plot(results, ["digits", "zdt1"], tmp_path / "plots" / "race.png")
    assert (tmp_path / "plots" / "race.png").read_bytes().startswith(b"\x89PNG")


def test_the_exact_front_dominates_what_is_drawn() -> None:
    front = exact_toy_front()
    assert (np.diff(front[np.argsort(front[:, 1])], axis=0)[:, 0] < 0).all()
