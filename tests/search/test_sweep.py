"""A grid of studies: checked as a whole before anything runs, resumed from what is there, compared at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.errors import RunError, SpecError
from search.run import Run
from search.sweep import Summary, Sweep, carry_out_sweep
from search.sweep.storage import Storage
from search.sweep.trial import Outcome

STUDY = {
    "name": "toy",
    "system": {"name": "toy_systems:Toy"},
    "space": {"bit_widths": {"choices": [2, 3, 4, 5, 6, 7, 8]}},
    "objectives": ["error_rate", "model_bytes"],
    "optimizer": {"name": "nsga2", "population": 8},
    "budget": {"trials": 30},
}
SWEEP = """\
name: tiny
study: toy.yaml
grid:
  optimizer.name: [nsga2, random]
  optimizer.seed: [0, 1, 2]
set: {budget.trials: 20}
address: local
"""


@pytest.fixture
def sweep_file(tmp_path: Path, cache: Path) -> Path:
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.finished: dict[str, Outcome] = {}
        self.states: dict[str, str] = {}

    def began(self, cells: Sequence[str], finished: Mapping[str, Outcome]) -> None:
        self.finished = dict(finished)

    def told(self, cell: str, state: Mapping[str, Any]) -> None:
        self.states[cell] = state.get("state", self.states.get(cell, ""))

    def ended(self) -> None:
        pass


def told(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        Sweep.from_yaml(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_grid_is_every_combination_of_its_values(sweep_file: Path) -> None:
    sweep = Sweep.from_yaml(sweep_file)
    assert len(sweep.cells) == 6
    assert sweep.cells[1].settings == {"optimizer.name": "nsga2", "optimizer.seed": 1}
    assert sweep.cells[1].group == {"optimizer.name": "nsga2"}
    assert sweep.cells[5].study.spec.optimizer.name == "random"
    assert {cell.study.spec.budget.trials for cell in sweep.cells} == {20}
    assert len({cell.name for cell in sweep.cells}) == 6


def test_overrides_change_the_sweep_and_its_studies(sweep_file: Path) -> None:
    sweep = Sweep.from_yaml(sweep_file, ["parallel=2", "set.budget.trials=9"])
    assert sweep.options.parallel == 2


def test_several_studies_are_an_axis(sweep_file: Path) -> None:
    (sweep_file.parent / "other.yaml").write_text(yaml.safe_dump({**STUDY, "name": "other"}))
    sweep_file.write_text(SWEEP.replace("toy.yaml", "[toy.yaml, other.yaml]"))
    sweep = Sweep.from_yaml(sweep_file)
    assert [cell.study.spec.name for cell in sweep.cells] == ["toy"] * 6 + ["other"] * 6


def test_an_unknown_key_of_the_grid_is_told_with_its_line(sweep_file: Path) -> None:
    text = told(sweep_file, SWEEP.replace("optimizer.seed", "optimizer.sead").replace(", random", ""))
    assert text.startswith('sweep.yaml:5  grid.optimizer.sead: unknown key "sead"\n')
    assert 'Did you mean "seed"?' in text
    assert text.count("sead") == 2, "once, not once for each study"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[nsga2, random]", "[nsga2, randum]", 'sweep.yaml:4  grid.optimizer.name: unknown optimizer "randum"'),
        ("[0, 1, 2]", "3", "sweep.yaml:5  grid.optimizer.seed: must be a list with at least one value"),
        ("[0, 1, 2]", "[]", "sweep.yaml:5  grid.optimizer.seed: must be a list with at least one value"),
        ("budget.trials: 20", "budget.trials: 0", "sweep.yaml:6  set.budget.trials: 0 is not possible"),
        ("budget.trials: 20", "budget.trails: 20", 'sweep.yaml:6  set.budget.trails: unknown key "trails"'),
        ("toy.yaml", "toi.yaml", "toi.yaml does not exist"),
        ("address: local", "adress: local", 'sweep.yaml:7  adress: unknown key "adress"'),
        ("address: local", "address: nowhere", 'sweep.yaml:7  address: "nowhere" is no address of a Ray cluster'),
        ("optimizer.seed:", "executor.name:", "sweep.yaml:5  grid.executor.name: cannot be an axis"),
        ("name: tiny", "name: a/b", "sweep.yaml:1  name: "),
    ],
)
def test_mistakes_are_told_before_anything_runs(sweep_file: Path, old: str, new: str, expected: str) -> None:
    assert expected in told(sweep_file, SWEEP.replace(old, new))


def test_mistakes_of_the_study_itself_are_told_at_its_line(sweep_file: Path) -> None:
    study = sweep_file.parent / "toy.yaml"
    study.write_text(study.read_text().replace("model_bytes", "model_bites"))
    text = told(sweep_file, SWEEP)
    assert 'toy.yaml:16  objectives[1]: unknown metric or cost "model_bites"' in text
    assert text.count("model_bites") == 1


def test_every_sweep_that_ships_is_right() -> None:
    for path in Path("studies/sweeps").glob("*.yaml"):
        assert len(Sweep.from_yaml(path).cells) > 3


def test_the_summary_is_the_median_and_the_spread_over_the_seeds(sweep_file: Path) -> None:
    sweep = Sweep.from_yaml(sweep_file)
    volumes = {cell.name: float(i) for i, cell in enumerate(sweep.cells)}  # 0, 1, 2 and 3, 4, 5
    outcomes = {name: Outcome("done", "", volume, 1.0, 7, 20, 2.0) for name, volume in volumes.items()}
    outcomes[sweep.cells[5].name] = Outcome("failed", "the disk is full")
    document = Summary.of(sweep, outcomes, "there").document()
    first, second = document["rows"]
    assert first["settings"] == {"optimizer.name": "nsga2"}
    assert first["hypervolume"] == {"median": 1.0, "quartile_1": 0.5, "quartile_3": 1.5, "min": 0.0, "max": 2.0}
    assert first["gain_over_baselines"]["median"] == 0.0
    assert (second["n_done"], second["n_failed"], second["reasons"]) == (2, 1, ["the disk is full"])
    assert second["hypervolume"]["median"] == 3.5
    assert (document["n_studies"], document["n_failed"]) == (6, 1)
    rows = Summary.of(sweep, outcomes, "there").rows
    assert rows[0].median_run() == sweep.cells[1].name
    assert rows[1].median_run() == sweep.cells[3].name
    assert json.loads(Summary.of(sweep, outcomes, "there").to_json()) == document


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_storage_is_a_folder_or_an_uri(tmp_path: Path, scheme: str) -> None:
    storage = Storage(f"{scheme}{tmp_path}/there")
    assert not storage.holds_anything()
    storage.check_writable()
    assert not storage.holds_anything()
    with storage.folder("runs/a") as folder:
        (folder / "x.txt").write_text("1")
        (folder / "deep").mkdir()
        (folder / "deep" / "y.txt").write_text("2")
    assert (tmp_path / "there/runs/a/deep/y.txt").read_text() == "2"
    assert storage.holds_anything("runs/a")
    with storage.folder("runs/a") as folder:
        assert (folder / "deep/y.txt").read_text() == "2"


@pytest.mark.parametrize("location", ["{}/file/there", "file://{}/file/there", "nosuch://bucket/there"])
def test_storage_that_cannot_be_written_is_an_error(tmp_path: Path, location: str) -> None:
    (tmp_path / "file").write_text("")
    place = location.format(tmp_path)
    with pytest.raises(RunError, match=f"^{re.escape(place)} cannot be written: ") as caught:
        Storage(place).check_writable()
    assert "\n" not in str(caught.value)


def test_a_sweep_runs_is_resumed_and_reported(sweep_file: Path, tmp_path: Path) -> None:
    sweep_file.write_text(SWEEP.replace("[nsga2, random]", "[nsga2]").replace("[0, 1, 2]", "[1]"))
    storage, watcher = Storage(str(tmp_path / "there")), Watcher()
    summary = carry_out_sweep(Sweep.from_yaml(sweep_file), storage, watcher, resume=False)
    assert set(watcher.states.values()) == {"done"}
    (row,) = summary.rows
    assert [outcome.trials for outcome in row.done] == [20]
    runs = [Run.open(tmp_path / "there/studies" / cell) for cell in row.cells]
    assert [run.front()["hypervolume"] for run in runs] == [outcome.hypervolume for outcome in row.done]
    # What a sweep finds is what the study finds by itself.
    sweep = Sweep.from_yaml(sweep_file)
    alone = sweep.cells[0].study.run(tmp_path / "alone", quiet=True)
    assert alone.front() == runs[0].front()
    page = (tmp_path / "there/report.html").read_text()
    assert "Spread over seeds" in page
    assert "default-src 'none'" in page
    with pytest.raises(SpecError, match="already holds a sweep"):
        carry_out_sweep(sweep, storage, Watcher(), resume=False)
    # Nothing is left to do: Ray is not even started.
    again = Watcher()
    assert carry_out_sweep(sweep, storage, again, resume=True) == summary
    assert set(again.finished) == set(row.cells)
    assert again.states == {}


@pytest.mark.slow
def test_a_study_that_fails_is_retried_and_told_and_the_others_go_on(sweep_file: Path, tmp_path: Path) -> None:
    text = SWEEP.replace("optimizer.name: [nsga2, random]", "system.name: ['toy_systems:Toy', 'toy_systems:Forgetful']")
    sweep_file.write_text(text.replace("[0, 1, 2]", "[0]"))
    storage = Storage(f"file://{tmp_path}/there")
    summary = carry_out_sweep(Sweep.from_yaml(sweep_file), storage, Watcher(), resume=False)
    assert [len(row.done) for row in summary.rows] == [1, 1]
