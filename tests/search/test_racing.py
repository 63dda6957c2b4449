"""Racing: only what is clearly dominated is dropped, and dropping changes what a search costs, not what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_studies import toy_study

from search.errors import SpecError
from search.objectives import Objectives
from search.racing import Race, Racing
from search.records import TrialRecord
from search.run import Run

OBJECTIVES = Objectives(("pesq", "macs"), {"pesq": "max", "macs": "min"})
RACE = Race(Racing(shares=(0.25,), confidence=0.99), OBJECTIVES)


def record(trial: int, pesq: Sequence[float], macs: float, **fields: Any) -> TrialRecord:
    rows = [{"clip": f"c{i}", "pesq": value} for i, value in enumerate(pesq)]
    mean = sum(pesq) / len(pesq)
    return TrialRecord(trial, "validation", {}, "done", {"pesq": mean}, costs={"macs": macs}, clips=rows, **fields)


CLEARLY_BETTER = record(7, [2.0, 3.0, 1.5, 2.5], 100)


@pytest.mark.parametrize(
    ("pesq", "macs", "is_out"),
    [
        ([1.9, 2.91, 1.39, 2.4], 100, True),  # a tenth less on every clip, at the same cost
        ([1.9, 2.91, 1.39, 2.4], 99, False),  # cheaper
        ([2.1, 3.09, 1.61, 2.6], 200, False),  # better
        ([2.6, 2.2, 1.6, 2.2], 100, False),  # worse in the mean, but not clip by clip
        ([2.0, 3.0, 1.5, 2.5], 200, False),  # equal: costs alone do not decide
    ],
)
def test_a_candidate_is_out_if_a_rival_costs_no_more_and_is_better_clip_by_clip(
    pesq: list[float], macs: float, is_out: bool
) -> None:
    winner = RACE.winner(record(1, pesq, macs), [record(3, [1.0, 1.0, 1.0, 1.0], 50), CLEARLY_BETTER])

    assert winner is (CLEARLY_BETTER if is_out else None)


def test_the_margin_is_that_of_a_one_sided_t_test() -> None:
    # Differences 1, 2, 3: mean 2, standard error 1/sqrt(3); t(0.95, 2) = 2.920, so the margin is 1.686.
    candidate, rival = record(1, [0.0, 0.0, 0.0], 1), record(2, [1.0, 2.0, 3.0], 1)

    assert Race(Racing(confidence=0.95), OBJECTIVES).winner(candidate, [rival]) is rival
    # t(0.99, 2) = 6.965: the margin is 4.021.
    assert Race(Racing(confidence=0.99), OBJECTIVES).winner(candidate, [rival]) is None


@pytest.mark.parametrize(("error", "is_out"), [(0.1, True), (0.2, False), (None, False)])
def test_without_clips_both_standard_errors_count(error: float | None, is_out: bool) -> None:
    # 0.5 apart; the margin is 2.326 * sqrt(2) * error: 0.33 or 0.66.
    errors = {} if error is None else {"pesq": error}
    candidate, rival = (
        TrialRecord(i, "validation", {}, "done", {"pesq": pesq}, errors, {"macs": 1.0})
        for i, pesq in enumerate((2.0, 2.5))
    )

    assert (RACE.winner(candidate, [rival]) is rival) == is_out


def test_clips_without_a_value_are_left_out() -> None:
    candidate = record(1, [1.0, 1.0, 1.0, 1.0], 1)
    rows = [{"clip": f"c{i}", "pesq": value} for i, value in enumerate((2.0, 2.0, None, 2.1))]
    rival = TrialRecord(2, "validation", {}, "done", {"pesq": 2.03}, costs={"macs": 1.0}, clips=rows)

    assert RACE.winner(candidate, [rival]) is rival


def test_of_a_loser_is_estimated_what_all_data_would_say() -> None:
    # Its share is easier than all data: the winner falls from 2.0 there to 1.5.
    candidate, on_share = TrialRecord(1, "validation", {}, "done"), {7: [2.0, 2.0, 2.0, 2.0], 1: [1.8, 1.8, 1.8, 1.8]}

    [lost] = RACE.losers(
        [candidate],
        [record(7, [2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0], 100)],
        lambda share, drafts: [record(d.trial, on_share[d.trial], 100, fidelity=share) for d in drafts],
    )

    assert lost.state == "pruned"
    assert lost.metrics == {"pesq": 1.8}
    assert lost.estimated == pytest.approx({"pesq": 1.3, "macs": 100})
    assert TrialRecord.from_json(lost.to_json()).estimated == lost.estimated
    assert "estimated" not in candidate.to_json()


def carried_out(folder: Path, shares: Sequence[float], trials: int = 60, resume: bool = False) -> Run:
    study = toy_study(
        system={"name": "toy_systems:Clips", "calls": str(folder / "calls")},
        racing={"shares": list(shares)},
        budget={"trials": trials},
    )
    return study.run(folder / "run", quiet=True, resume=resume)


def evaluated_clips(folder: Path) -> int:
    lines = (folder / "calls").read_text().splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("validation"))


def test_racing_saves_clips_and_finds_a_front_as_good(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("all", "raced")]
    for folder in folders:
        folder.mkdir()
    everything, raced = (carried_out(folder, shares) for folder, shares in zip(folders, ([], [0.25]), strict=True))

    states = raced.front()["states"]
    pruned = [r for r in raced.records() if r.state == "pruned"]
    assert states["pruned"] == len(pruned) > 10
    assert evaluated_clips(folders[1]) < 0.75 * evaluated_clips(folders[0])
    assert raced.front()["hypervolume"] > 0.98 * everything.front()["hypervolume"]
    assert all(r.fidelity == 0.25 and len(r.clips) == 10 and not r.label for r in pruned)
    assert "clearly dominates it on 25% of the data" in pruned[0].reason


def test_what_is_dropped_is_dominated_on_all_data_too(tmp_path: Path) -> None:
    raced = carried_out(tmp_path, [0.25])
    front = [(t["validation"]["error_rate"], t["costs"]["model_bytes"]) for t in raced.front()["trials"]]
    system = toy_study(system={"name": "toy_systems:Clips"}).system

    for dropped in (r for r in raced.records() if r.state == "pruned"):
        [full] = system.evaluate([dropped.configuration], "validation")
        error, n_bytes = full.metrics["error_rate"], dropped.costs["model_bytes"]
        assert any(e <= error and b <= n_bytes for e, b in front)


def test_a_raced_search_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    whole = carried_out(tmp_path / "whole", [0.25, 0.5])
    carried_out(tmp_path / "stopped", [0.25, 0.5], trials=33)
    resumed = carried_out(tmp_path / "stopped", [0.25, 0.5], resume=True)

    def told(run: Run) -> list[Any]:
        # The front of the interrupted run was scored on test, too: those records stay.
        searched = [r for r in run.records() if r.split == "validation"]
        return [(r.trial, r.configuration, r.state, r.fidelity, r.metrics) for r in searched]

    assert told(resumed) == told(whole)


def test_a_run_begun_before_there_were_races_goes_on(tmp_path: Path) -> None:
    carried_out(tmp_path, [], trials=20)
    stored = tmp_path / "run" / "study.yaml"
    written = yaml.safe_load(stored.read_text())
    del written["racing"]
    stored.write_text(yaml.safe_dump(written))

    assert carried_out(tmp_path, [], trials=30, resume=True).front()["n_trials"] == 30


def test_a_run_does_not_begin_to_race_half_way(tmp_path: Path) -> None:
    carried_out(tmp_path, [], trials=20)
    with pytest.raises(SpecError, match=r"racing.shares: the run has \[\], the study has \[0.25\]"):
        carried_out(tmp_path, [0.25], trials=30, resume=True)


def test_records_do_not_depend_on_what_earlier_runs_measured(tmp_path: Path) -> None:
    def states(name: str, identity: str, shares: Sequence[float]) -> list[tuple[int, str]]:
        study = toy_study(system={"name": "toy_systems:Clips", "identity": identity}, racing={"shares": list(shares)})
        return [(r.trial, r.state) for r in study.run(tmp_path / name, quiet=True).records()]

    states("full", "one", [])
    assert states("known", "one", [0.25]) == states("unknown", "another", [0.25])


@pytest.mark.parametrize("shares", [[0], [1], [0.5, 0.25], [0.5, 0.5], [-1]])
def test_shares_that_do_not_rise_are_told(shares: list[float]) -> None:
    with pytest.raises(SpecError, match="shares must rise"):
        toy_study(racing={"shares": shares})


def test_a_share_that_is_no_list_is_told() -> None:
    with pytest.raises(SpecError, match=r"racing.shares: 0.25 is not possible\n\s+Allowed: a list"):
        toy_study(racing={"shares": 0.25})


def test_a_race_needs_generations() -> None:
    executor = {"name": "serial", "mode": "asynchronous"}
    with pytest.raises(SpecError, match="without generations there is none"):
        toy_study(racing={"shares": [0.5]}, executor=executor)
