"""Studies carried out from Python: what is evaluated, what is recorded, what is refused."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import Run, Study
from search.errors import RunError, SpecError
from search.journal import JournalWarning
from search.run import free_directory
from search.run_directory import RunDirectory
from spaces import canonical

MakeStudy = Callable[..., Study]
LABELS = [f"{bits} bits" for bits in range(2, 9)]


def run(study: Study, out: Path, **options: Any) -> Run:
    return study.run(out, quiet=True, **options)


def test_a_run_holds_all_that_belongs_to_it(make_study: MakeStudy, tmp_path: Path) -> None:
    done = run(make_study(), tmp_path / "run")
    document = done.front()
    assert json.loads((tmp_path / "run" / "front.json").read_text()) == document
    assert document["n_trials"] == 50
    assert document["states"] == {"done": 50}
    assert [baseline["label"] for baseline in document["baselines"]] == LABELS
    assert document["hypervolume"] >= document["baseline_hypervolume"] > 0
    assert document["knee"] in [trial["trial"] for trial in document["trials"]]
    assert set(document["reference_point"]) == {"error_rate", "model_bytes"}
    assert done.seconds > 0
    assert Run.open(tmp_path / "run").front() == document


def test_the_front_is_scored_on_test_and_so_are_the_baselines(make_study: MakeStudy, tmp_path: Path) -> None:
    document = run(make_study(), tmp_path / "run").front()
    for trial in (*document["trials"], *document["baselines"]):
        assert trial["test"]["error_rate"] == pytest.approx(trial["validation"]["error_rate"] / 0.9)
        assert trial["test_standard_errors"] == {"error_rate": 0.01}
        assert [operator["name"] for operator in trial["operators"]] == ["k0", "k1", "k2", "k3"]
    errors = [trial["validation"]["error_rate"] for trial in document["trials"]]
    assert errors == sorted(errors)


def test_records_say_what_they_are_worth(make_study: MakeStudy, tmp_path: Path) -> None:
    records = run(make_study(optimizer={"name": "random", "seed": 7}), tmp_path / "run").records()
    searched = [r for r in records if r.split == "validation"]
    assert [r.trial for r in searched] == list(range(50))
    assert [r.label for r in searched[:8]] == [*LABELS, ""]
    assert {(r.seed, r.worker, r.fidelity, r.state) for r in records} == {(7, "serial", 1.0, "done")}
    four_bits = searched[2]
    assert four_bits.configuration == {f"bit_widths.k{i}": 4 for i in range(4)}
    assert four_bits.metrics["error_rate"] == (1 + 2 + 3 + 4) / 16 / 4
    assert four_bits.costs == {
        "macs": 400,
        "macs_worst": 400,
        "parameters": 4 * 64,
        "model_bytes": 4 * 32,
        "peak_ram_bytes": 32,
    }


def test_the_front_as_a_table(make_study: MakeStudy, tmp_path: Path) -> None:
    document = run(make_study(), tmp_path / "run").front()
    rows = list(csv.DictReader((tmp_path / "run" / "front.csv").read_text().splitlines()))
    assert [row["group"] for row in rows] == ["front"] * len(document["trials"]) + LABELS
    assert [int(row["trial"]) for row in rows] == [t["trial"] for t in (*document["trials"], *document["baselines"])]
    first = document["trials"][0]
    assert float(rows[0]["validation.error_rate"]) == first["validation"]["error_rate"]
    assert float(rows[0]["test.error_rate.se"]) == 0.01
    assert int(rows[0]["bit_widths.k0"]) == first["configuration"]["bit_widths.k0"]


def test_no_configuration_is_evaluated_twice_in_a_run(make_study: MakeStudy, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for optimizer in ("nsga2", "random", "tpe"):
        calls.unlink(missing_ok=True)
        run(make_study({"calls": str(calls)}, optimizer=optimizer), tmp_path / optimizer)
        counted = Counter(calls.read_text().splitlines())
        assert max(counted.values()) == 1
        assert sum(line.startswith("validation") for line in counted) == 50


def test_nor_in_a_later_run_of_the_same_system(make_study: MakeStudy, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    system = {"calls": str(calls), "identity": "toy-1"}
    first = run(make_study(system), tmp_path / "first")
    n_calls = len(calls.read_text().splitlines())
    second = run(make_study(system), tmp_path / "second")
    assert len(calls.read_text().splitlines()) == n_calls
    assert second.front() == first.front()
    assert all(record.cached for record in second.records())
    # Other weights, no name at all, or --fresh: nothing is known.
    for out, study, options in (
        ("other", make_study({**system, "identity": "toy-2"}), {}),
        ("nameless", make_study({"calls": str(calls)}), {}),
        ("fresh", make_study(system), {"fresh": True}),
    ):
        before = len(calls.read_text().splitlines())
        run(study, tmp_path / out, **options)
        assert len(calls.read_text().splitlines()) == before + n_calls


@pytest.mark.parametrize("spoil", ["garbled", "unwritable"])
def test_a_cache_that_is_of_no_use_is_no_reason_to_stop(
    make_study: MakeStudy, tmp_path: Path, cache: Path, spoil: str
) -> None:
    system = {"identity": "toy-1"}
    first = run(make_study(system), tmp_path / "first").front()
    (file,) = (cache / "evaluations").iterdir()
    if spoil == "garbled":
        lines = file.read_bytes().splitlines()
        lines[:3] = [b"{", b'{"key": 3}', b'{"key": "a", "metrics": 3, "activity": {}, "standard_errors": {}}']
        file.write_bytes(b"\n".join(lines)[:-20])
    else:
        file.unlink()
        (cache / "evaluations").rmdir()
        (cache / "evaluations").write_text("a file where a folder should be")
    assert run(make_study(system), tmp_path / "second").front() == first


def test_what_breaks_a_constraint_on_costs_is_not_evaluated(make_study: MakeStudy, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    done = run(make_study({"calls": str(calls)}, constraints=["model_bytes <= 128"]), tmp_path / "run")
    searched = [r for r in done.records() if r.split == "validation"]
    infeasible = [r for r in searched if r.state == "infeasible"]
    assert len(infeasible) >= 4  # the baselines of 5 to 8 bits
    assert all(r.costs["model_bytes"] > 128 and not r.metrics for r in infeasible)
    assert infeasible[0].reason == "model_bytes is 160, bound <= 128"
    n_validation = sum(line.startswith("validation") for line in calls.read_text().splitlines())
    assert n_validation == len(searched) - len(infeasible)
    document = done.front()
    assert document["is_feasible"]
    assert all(trial["costs"]["model_bytes"] <= 128 for trial in document["trials"])


def test_a_constraint_on_a_metric_is_kept_by_the_front(make_study: MakeStudy, tmp_path: Path) -> None:
    done = run(make_study(constraints=["error_rate <= 0.1"]), tmp_path / "run")
    assert {r.state for r in done.records()} == {"done"}
    assert all(trial["validation"]["error_rate"] <= 0.1 for trial in done.front()["trials"])


def test_where_nothing_is_feasible_the_least_violating_are_shown(make_study: MakeStudy, tmp_path: Path) -> None:
    document = run(make_study(constraints=["model_bytes <= 10"]), tmp_path / "run").front()
    assert not document["is_feasible"]
    assert document["knee"] is None
    assert document["hypervolume"] == 0
    assert document["reference_point"] is None
    n_bytes = [trial["costs"]["model_bytes"] for trial in document["trials"]]
    assert n_bytes == sorted(n_bytes)
    assert n_bytes[0] == 8 * 2 * 4  # 2 bits everywhere
    assert len(n_bytes) == 10


@pytest.mark.parametrize(("fault", "reason"), [("raise", "ValueError: no such filter"), ("nan", "error_rate is nan")])
def test_what_fails_costs_a_record_with_a_reason(
    make_study: MakeStudy, tmp_path: Path, fault: str, reason: str
) -> None:
    done = run(make_study({"fault": fault}), tmp_path / "run")
    failed = [r for r in done.records() if r.state == "failed"]
    assert failed
    assert all(r.configuration["bit_widths.k0"] == 2 and not r.metrics for r in failed)
    assert {r.reason for r in failed} == {reason}
    assert done.front()["states"]["failed"] == len(failed)


def test_a_metric_that_is_missing_is_told(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(system={"name": "toy_systems:Forgetful"}, objectives=["accuracy", "model_bytes"])
    with pytest.raises(
        RunError, match=r"^none of the first 7 trials succeeded; the first said: the evaluation gave no accuracy$"
    ):
        run(study, tmp_path / "run")


def test_a_system_that_never_succeeds_is_stopped_early_with_its_reason(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(
        {"fault": "raise"}, space={"bit_widths": [{"operators": "k0", "choices": [2]}, {"choices": [3, 4, 5, 6, 7]}]}
    )
    with pytest.raises(
        RunError, match=r"^none of the first 5 trials succeeded; the first said: ValueError: no such filter$"
    ):
        run(study, tmp_path / "run")
    # What is there can be looked at.
    document = Run.open(tmp_path / "run").front()
    assert document["states"] == {"failed": 5}
    assert (tmp_path / "run" / "front.json").exists()


def test_dynamic_networks_cost_what_their_input_makes_them_do(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study({"dynamic": True}, objectives=["error_rate", "macs"], constraints=["macs <= 100"])
    done = run(study, tmp_path / "run")
    records = [r for r in done.records() if r.split == "validation"]
    # Expected MACs break the bound at more than 4 bits in k0, which only an evaluation can tell.
    assert {r.state for r in records} == {"done"}
    for record in records:
        assert record.activity == {"k0": float(record.configuration["bit_widths.k0"]) / 16}
        assert record.costs["macs"] == 400 * record.activity["k0"]
        assert record.costs["macs_worst"] == 400
    assert all(trial["configuration"]["bit_widths.k0"] <= 4 for trial in done.front()["trials"])


def test_the_worst_case_of_a_dynamic_network_is_known_before(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study({"dynamic": True}, objectives=["error_rate", "macs"], constraints=["macs_worst <= 399"])
    records = run(study, tmp_path / "run").records()
    assert {r.state for r in records} == {"infeasible"}
    assert all("macs" not in r.costs and r.costs["macs_worst"] == 400 for r in records)


def test_minutes_end_a_search_that_trials_would_not(make_study: MakeStudy, tmp_path: Path) -> None:
    budget = {"trials": 100_000, "minutes": 0.5 / 60}
    started = time.monotonic()
    done = run(make_study({"sleep_ms": 5}, budget=budget), tmp_path / "run")
    assert time.monotonic() - started < 5
    document = done.front()
    assert 7 <= document["n_trials"] < 100
    assert all(trial["test"] for trial in document["trials"])


def test_a_small_space_ends_the_search_before_the_budget(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study({"knobs": 2}, space={"bit_widths": {"choices": [2, 4]}}, optimizer="exhaustive")
    assert run(study, tmp_path / "run").front()["n_trials"] == 4


def test_continuous_knobs_categories_and_costs_of_ones_own(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(
        system={"name": "toy_systems:Tunable"},
        space={"ratio": {"low": 0.0, "high": 0.9}, "mode": {"choices": ["relu", "tanh"]}},
        objectives=["error_rate", "latency_ms"],
        constraints=["latency_ms <= 1.8"],
    )
    document = run(study, tmp_path / "run").front()
    assert [b["label"] for b in document["baselines"]] == [
        "ratio 0",
        "ratio 0.225",
        "ratio 0.45",
        "ratio 0.675",
        "ratio 0.9",
        "mode relu",
    ]
    assert all(trial["costs"]["latency_ms"] <= 1.8 for trial in document["trials"])


@pytest.mark.parametrize("optimizer", ["nsga2", "tpe"])
def test_the_same_records_for_any_number_of_workers(make_study: MakeStudy, tmp_path: Path, optimizer: str) -> None:
    def records(out: str, executor: Any) -> list[dict[str, Any]]:
        found = run(make_study({"fault": "raise"}, optimizer=optimizer, executor=executor), tmp_path / out).records()
        return [{**r.__dict__, "seconds": 0, "worker": ""} for r in found]

    expected = records("serial", "serial")
    assert len([r for r in expected if r["split"] == "validation"]) == 50
    for n in (1, 2, 3) if optimizer == "nsga2" else (2,):
        assert records(f"{n}", {"name": "processes", "workers": n}) == expected
        assert (tmp_path / f"{n}" / "front.json").read_bytes() == (tmp_path / "serial" / "front.json").read_bytes()


@pytest.mark.parametrize("optimizer", ["nsga2", "nsga3", "tpe", "random"])
def test_a_journal_cut_anywhere_resumes_to_the_same_front(
    make_study: MakeStudy, tmp_path: Path, optimizer: str
) -> None:
    study = make_study({"fault": "raise"}, optimizer=optimizer, constraints=["model_bytes <= 200"])
    run(study, tmp_path / "whole")
    directory = RunDirectory(tmp_path / "whole")
    front, journal = directory.front_json.read_bytes(), directory.journal.read_bytes()
    n_lines = journal.count(b"\n")
    # At the ends, at line ends, and in the middle of a line; also within the scores on test.
    line_end = journal.index(b"\n", len(journal) // 2) + 1
    for n_bytes in (0, 1, line_end - 1, line_end, line_end + 100, 9 * len(journal) // 10, len(journal)):
        directory.journal.write_bytes(journal[:n_bytes])
        directory.front_json.unlink()
        run(study, directory.path, resume=True)
        assert directory.front_json.read_bytes() == front
        assert directory.journal.read_bytes().count(b"\n") == n_lines


def test_a_garbled_line_is_evaluated_again(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    run(study, tmp_path / "run")
    directory = RunDirectory(tmp_path / "run")
    front = directory.front_json.read_bytes()
    lines = directory.journal.read_bytes().splitlines(keepends=True)
    lines[20] = b'{"trial": 20, garbled}\n'
    directory.journal.write_bytes(b"".join(lines))
    with pytest.warns(JournalWarning, match=r"trials.jsonl:21 is left out"):
        run(study, directory.path, resume=True)
    assert directory.front_json.read_bytes() == front
    assert directory.journal.read_bytes().count(b"\n") == len(lines) + 1


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(make_study: MakeStudy, tmp_path: Path) -> None:
    for optimizer in ("nsga2", "tpe", "random"):
        run(make_study(optimizer=optimizer, budget={"trials": 50}), tmp_path / f"{optimizer}-whole")
        run(make_study(optimizer=optimizer, budget={"trials": 21}), tmp_path / optimizer)
        run(make_study(optimizer=optimizer, budget={"trials": 50}), tmp_path / optimizer, resume=True)
        fronts = [(tmp_path / name / "front.json").read_bytes() for name in (optimizer, f"{optimizer}-whole")]
        assert fronts[0] == fronts[1]
        searched = [r for r in Run.open(tmp_path / optimizer).records() if r.split == "validation"]
        assert len({canonical(r.configuration) for r in searched}) == len(searched) == 50


def test_another_executor_may_go_on(make_study: MakeStudy, tmp_path: Path) -> None:
    run(make_study(budget={"trials": 20}), tmp_path / "run")
    run(make_study(executor={"name": "processes", "workers": 1}), tmp_path / "run", resume=True)
    assert Run.open(tmp_path / "run").front()["n_trials"] == 50


def test_a_run_is_not_overwritten(make_study: MakeStudy, tmp_path: Path) -> None:
    run(make_study(), tmp_path / "run")
    before = (tmp_path / "run" / "trials.jsonl").read_bytes()
    with pytest.raises(SpecError, match=r"/run already holds a run\n    Allowed: --resume to go on with it, --out for"):
        run(make_study(), tmp_path / "run")
    assert (tmp_path / "run" / "trials.jsonl").read_bytes() == before


def test_a_changed_study_is_not_resumed_and_the_difference_is_shown(make_study: MakeStudy, tmp_path: Path) -> None:
    run(make_study(), tmp_path / "run")
    changed = make_study(
        {"knobs": 4},
        space={"bit_widths": {"choices": [2, 4]}},
        optimizer={"name": "nsga2", "population": 9},
        constraints=["model_bytes <= 9"],
        budget={"trials": 99},
    )
    with pytest.raises(SpecError) as caught:
        run(changed, tmp_path / "run", resume=True)
    assert str(caught.value) == (
        "the study has changed since the run began:\n"
        "  system.knobs: the run has nothing, the study has 4\n"
        "  space.bit_widths: the run has [{'operators': ['*'], 'choices': [2, 3, 4, 5, 6, 7, 8]}], "
        "the study has [{'operators': ['*'], 'choices': [2, 4]}]\n"
        "  constraints: the run has [], the study has ['model_bytes <= 9']\n"
        "  optimizer.population: the run has 8, the study has 9\n"
        "    Allowed: --out for a new run."
    )


def test_changed_weights_are_not_mixed_with_old_ones(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study({"identity": "weights-1"}, budget={"trials": 20})
    run(study, tmp_path / "run")
    monkeypatch.setattr(type(study.system), "fingerprint", lambda system: "weights-2")
    with pytest.raises(SpecError, match="the weights or the data have changed since the run began"):
        run(study, tmp_path / "run", resume=True)


def test_a_search_that_asks_something_else_does_not_go_on(make_study: MakeStudy, tmp_path: Path) -> None:
    run(make_study(), tmp_path / "run")
    journal = tmp_path / "run" / "trials.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    lines[30] = lines[30].replace('"bit_widths.k0":', '"bit_widths.k0":1', 1)
    journal.write_text("".join(lines))
    with pytest.raises(RunError, match="trial 30 of the run is not what the search asks for now: the run was made by"):
        run(make_study(), tmp_path / "run", resume=True)


def test_an_output_directory_that_cannot_be_made_is_told(make_study: MakeStudy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="/file/run cannot be written: Not a directory"):
        run(make_study(), tmp_path / "file" / "run")
    with pytest.raises(RunError, match="/file cannot be written: File exists"):
        run(make_study(), tmp_path / "file")


def test_two_processes_do_not_share_a_run(make_study: MakeStudy, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="/run is in use by another process"):
            run(make_study(), tmp_path / "run")
    run(make_study(), tmp_path / "run")


@pytest.mark.parametrize("content", [None, "", "{", '{"study": "a"}', "[]"])
def test_what_is_no_run_is_told(tmp_path: Path, content: str | None) -> None:
    if content is None:
        with pytest.raises(SpecError, match=r"is not a run: it has no facts\.json"):
            Run.open(tmp_path)
    else:
        (tmp_path / "facts.json").write_text(content)
        with pytest.raises(RunError, match=r"facts\.json cannot be read"):
            Run.open(tmp_path)


@pytest.mark.parametrize("content", ["[", "3"])
def test_a_stored_study_that_cannot_be_read_is_told(make_study: MakeStudy, tmp_path: Path, content: str) -> None:
    run(make_study(), tmp_path / "run")
    (tmp_path / "run" / "study.yaml").write_text(content)
    with pytest.raises(RunError, match=r"run/study\.yaml (cannot be read|is not a study)"):
        run(make_study(), tmp_path / "run", resume=True)


def test_a_free_directory_is_found_and_the_newest_is_resumed(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        directory = free_directory("gru", resume=False, root=tmp_path)
        names.append(directory.path.name)
        directory.create()
        directory.study.write_text("name: gru")
    assert names == ["gru", "gru-2", "gru-3"]
    assert free_directory("gru", resume=True, root=tmp_path).path.name == "gru-3"
    assert free_directory("other", resume=True, root=tmp_path).path.name == "other"
