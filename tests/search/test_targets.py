"""Targets in studies, runs and commands: cycles where they are asked for, and a word where they cannot be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_studies import toy_study

from cost_models import ACTIVITY_COSTS, TARGET_COSTS, load_target
from cost_models.calibration import target_text
from search import Study
from search.cli import main
from search.errors import SpecError
from search.run import Run

ROOT = Path(__file__).parents[2]
KWS = ROOT / "benchmarks" / "workloads" / "mlperf_tiny_kws.yaml"
MEASURED = ROOT / "benchmarks" / "measurements" / "nrf5340_mlperf_tiny.csv"
STATIC_COSTS = [name for name in TARGET_COSTS if "p95" not in name]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Runs a command in a folder of its own; returns its exit code, output and messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*words: Any) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def my_board(folder: Path, **facts: Any) -> Path:
    """A target of a user's own; toy systems have operators of the kind `filter`, which the generic one takes."""
    generic = load_target("generic", Path()).facts
    path = folder / "my_board.yaml"
    path.write_text(target_text(generic.model_copy(update={"name": "my_board", **facts})))
    return path


def told(folder: Path, **sections: Any) -> str:
    with pytest.raises(SpecError) as caught:
        toy_study(folder, **sections)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_study_with_a_target_has_its_costs(tmp_path: Path) -> None:
    plain, timed = toy_study(tmp_path), toy_study(tmp_path, target="generic", objectives=["error_rate", "cycles"])
    costs, with_cycles = (study.costs(study.space.defaults).costs for study in (plain, timed))
    assert set(with_cycles) - set(costs) == set(STATIC_COSTS)
    assert timed.objectives.directions["cycles"] == "min"


def test_a_target_of_ones_own_is_found_from_the_study(tmp_path: Path) -> None:
    my_board(tmp_path, clock_hz=50_000_000)
    study = toy_study(tmp_path, target="./my_board.yaml")
    half_the_clock = toy_study(tmp_path, target="generic")
    costs = [s.costs(s.space.defaults).costs["latency_ms"] for s in (study, half_the_clock)]
    assert costs[0] == pytest.approx(2 * costs[1])


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"target": "cortex-m4"}, 'target: unknown target "cortex-m4"\n    Allowed: cortex_m0, '),
        ({"target": "./none.yaml"}, "target: none.yaml does not exist"),
        ({"target": 3}, "target: 3 is no name"),
        (
            {"objectives": ["error_rate", "cycles"]},
            'objectives[1]: "cycles" needs a target\n    Allowed: target:',
        ),
        ({"constraints": ["latency_ms <= 3"]}, 'constraints[0]: "latency_ms" needs a target'),
        (
            {"target": "generic", "objectives": ["error_rate", "cycle"]},
            'objectives[1]: unknown metric or cost "cycle"\n    Allowed: accuracy, cycles, cycles_high',
        ),
    ],
)
def test_what_is_wrong_with_a_target_is_told_where_the_study_names_it(
    tmp_path: Path, sections: dict[str, Any], message: str
) -> None:
    assert message in told(tmp_path, **sections)


def test_mistakes_in_a_target_file_are_told_with_their_lines(tmp_path: Path) -> None:
    path = my_board(tmp_path)
    path.write_text(path.read_text().replace("k_core", "k_cor").replace("weights: ram", "weights: rom"))
    message = told(tmp_path, target="my_board.yaml", objectives=["eror_rate"])
    assert 'target: my_board.yaml:9  k_cor: unknown key "k_cor"' in message
    assert 'target: my_board.yaml:8  weights: "rom" is not known' in message
    assert 'objectives[0]: unknown metric or cost "eror_rate"' in message


def test_a_run_searches_cycles_and_goes_on_only_with_the_same_target(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    my_board(tmp_path)

    def study() -> Study:
        return make_study(target="my_board.yaml", objectives=["error_rate", "cycles"], budget={"trials": 12})

    run = study().run(tmp_path / "run", quiet=True)
    document = run.front()
    assert document["target"] == "my_board.yaml"
    assert {*STATIC_COSTS} <= set(document["trials"][0]["costs"])
    assert all("cycles" in op for op in document["trials"][0]["operators"])
    again = study().run(tmp_path / "run", resume=True, quiet=True)
    assert again.front() == document
    my_board(tmp_path, clock_hz=1_000_000)
    with pytest.raises(SpecError, match=r"the target my_board.yaml has changed since the run began"):
        study().run(tmp_path / "run", resume=True, quiet=True)


def test_a_target_without_a_needed_kernel_stops_a_run_before_it_begins(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    with pytest.raises(Exception, match='target "cortex_m4" has no filter kernel'):
        make_study(target="cortex_m4").run(tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "trials.jsonl").exists()


def test_expected_costs_of_dynamic_systems_wait_for_the_measurement(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    # Twelve bits of k0 at most: no activity is above a half, so the bound breaks only in the worst case.
    study = make_study({"dynamic": True}, target="generic", objectives=["error_rate", "cycles"], budget={"trials": 12})
    worst = study.costs(study.space.defaults).costs["cycles"]
    bounded = make_study(
        {"dynamic": True},
        target="generic",
        objectives=["error_rate", "cycles"],
        constraints=[f"cycles <= {0.6 * worst:.0f}"],
        budget={"trials": 12},
    )
    records = bounded.run(tmp_path / "run", quiet=True).records()
    assert {record.state for record in records} == {"done"}
    for record in records:
        assert record.costs["cycles"] == pytest.approx(record.activity["k0"] * record.costs["cycles_worst"])
    assert {"cycles", "cycles_low", "cycles_high", "latency_ms"} <= ACTIVITY_COSTS


def test_an_export_has_the_cycles_of_its_operators(
    make_study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.export import Choice, export_trial

    make_study(target="generic", budget={"trials": 8}).run(tmp_path / "run", quiet=True)
    export_trial(Run.open(tmp_path / "run"), Choice(), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["target"] == "generic"
    assert sum(op["cycles"] for op in manifest["operators"]) == pytest.approx(manifest["costs"]["cycles"])


def test_cost_of_a_workload_file(cli: Callable[..., Any]) -> None:
    code, out, _ = cli("cost", "--workload", KWS, "--target", "cortex_m4_cmsis_nn", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["configuration"] == {}
    assert document["target"] == "cortex_m4_cmsis_nn"
    assert document["costs"]["macs"] == 2_656_768
    assert document["costs"]["cycles"] == pytest.approx(11_977_000, rel=0.05)  # published
    assert document["costs"]["cycles_low"] < document["costs"]["cycles"] < document["costs"]["cycles_high"]
    assert document["costs"]["latency_ms"] == pytest.approx(document["costs"]["cycles"] / 120e3)
    assert sum(op["cycles"] for op in document["operators"]) == pytest.approx(document["costs"]["cycles"])
    _, table, _ = cli("cost", "--workload", KWS, "--target", "cortex_m4_cmsis_nn")
    assert "conv2d0" in table
    assert "cycles_worst" in table


def test_without_a_target_a_workload_is_costed_for_the_generic_one(cli: Callable[..., Any]) -> None:
    _, out, _ = cli("cost", "--workload", KWS, "--json")
    document = json.loads(out)
    assert document["target"] == "generic"
    assert document["costs"]["cycles_high"] == pytest.approx(2.5 * document["costs"]["cycles"])


def test_cost_of_a_study_for_another_target(cli: Callable[..., Any], tmp_path: Path) -> None:
    study = {"name": "toy", "system": "toy_systems:Toy", "space": {"bit_widths": {"choices": [2, 4]}}}
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "toy.yaml").write_text(yaml.safe_dump({**study, "objectives": ["error_rate", "macs"]}))
    board = my_board(tmp_path)
    _, without, _ = cli("cost", "studies/toy.yaml", "--json")
    assert json.loads(without)["target"] == ""
    assert "cycles" not in json.loads(without)["operators"][0]
    for target in ("./my_board.yaml", board):
        document = json.loads(cli("cost", "studies/toy.yaml", "--target", target, "--json")[1])
        assert document["target"] == "my_board"
        assert document["costs"]["cycles"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cost"], "cost needs either a study or a workload"),
        (["cost", "toy.yaml", "--workload", str(KWS)], "cost needs either a study or a workload"),
        (["cost", "--workload", str(KWS), "--knob", "a=1"], "--knob and --set are for a study"),
        (["cost", "--workload", str(KWS), "--target", "m4"], 'unknown target "m4"'),
        (["cost", "--workload", "none.yaml"], "none.yaml does not exist"),
        (["cost", "--workload", str(KWS), "--target", "cortex_m0"], 'target "cortex_m0" has no conv2d kernel'),
        (["calibrate", "m4"], 'unknown target "m4"'),
        (["calibrate", "generic"], 'the kernels of target "generic" are not ours'),
        (["calibrate", "generic", "--clock-hz", "20000"], "--clock-hz is for --measurements"),
        (["calibrate", "generic", "--measurements", "none.csv"], "none.csv does not exist"),
    ],
)
def test_what_is_wrong_is_told_with_exit_code_2(cli: Callable[..., Any], words: list[str], message: str) -> None:
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_board_is_calibrated_and_used(cli: Callable[..., Any], tmp_path: Path) -> None:
    words = ("calibrate", "cortex_m4_cmsis_nn", "--measurements", MEASURED, "--clock-hz", 128_000_000)
    code, out, _ = cli(*words, "--out", "my_board.yaml", "--json")
    assert code == 0
    shipped = load_target("cortex_m33_cmsis_nn", Path()).facts
    summary = json.loads(out)
    assert (summary["k_core"], summary["k_mem"]) == (shipped.k_core.value, shipped.k_mem.value)
    document = json.loads(cli("cost", "--workload", KWS, "--target", "./my_board.yaml", "--json")[1])
    assert document["costs"]["cycles"] == pytest.approx(9_739_000, rel=0.05)  # published
    _, text, _ = cli(*words)
    assert "say --out FILE.yaml" in text


def test_list_has_every_target_and_its_costs(cli: Callable[..., Any]) -> None:
    listed = json.loads(cli("list", "targets", "--json")[1])["targets"]
    assert {"cortex_m4", "cortex_m33_cmsis_nn", "generic"} <= {row["name"] for row in listed}
    assert all("validated" in row["description"] for row in listed if not row["name"].startswith("."))
    metrics = {row["name"]: row["description"] for row in json.loads(cli("list", "metrics", "--json")[1])["metrics"]}
    assert metrics["cycles"].endswith("needs a target")
