"""The command line: what each command prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_studies import toy_study

from search.cli import main
from search.run import Run

ROOT = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "name": "toy",
    "system": {"name": "toy_systems:Toy", "loud": True},
    "space": {"bit_widths": {"choices": [2, 4, 8]}},
    "objectives": ["error_rate", "model_bytes"],
    "optimizer": {"name": "nsga2", "population": 8},
    "budget": {"trials": 30},
    "executor": "serial",
}


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Cli = Callable[..., Answer]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Cli:
    """Runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*words: Any) -> Answer:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        if "--debug" not in words:
            assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    return path


@pytest.fixture
def done(tmp_path: Path, cache: Path, no_report: None) -> Path:
    """A run directory."""
    toy_study(tmp_path, budget={"trials": 30}).run(tmp_path / "run", quiet=True)
    return tmp_path / "run"


def test_run_shows_the_front_beside_the_baselines(cli: Cli, study: Path, tmp_path: Path) -> None:
    answer = cli("run", study)
    assert answer.code == 0
    assert "Pareto front" in answer.out
    assert "Homogeneous baselines" in answer.out
    assert "4 bits" in answer.out
    assert "runs/toy/report.html" in answer.out
    assert "search  30/30" in answer.err
    assert (tmp_path / "runs" / "toy" / "report.html").stat().st_size > 1_000_000


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_run_as_json_prints_one_document_whatever_the_system_prints(
    cli: Cli, study: Path, no_report: None, executor: str
) -> None:
    answer = cli("run", study, "--out", "out", "--json", "--trials", 12, "--executor", executor, "--set", "name=other")
    assert answer.code == 0
    document = answer.document
    assert document["study"] == "other"
    assert document["n_trials"] == 12
    assert document["run_dir"] == "out"
    assert document["seconds"] > 0
    assert {"objectives", "directions", "hypervolume", "reference_point", "trials", "baselines"} <= set(document)
    assert {"trial", "configuration", "validation", "test", "costs"} <= set(document["trials"][0])
    assert "evaluating" in answer.err


def test_a_second_run_takes_another_directory(cli: Cli, study: Path, no_report: None) -> None:
    directories = [cli("run", study, "--json", "--trials", 5).document["run_dir"] for _ in range(2)]
    assert directories == ["runs/toy", "runs/toy-2"]
    resumed = cli("run", study, "--json", "--trials", 9, "--resume").document
    assert (resumed["run_dir"], resumed["n_trials"]) == ("runs/toy-2", 9)


def test_train_only_prepares(cli: Cli, study: Path, tmp_path: Path) -> None:
    answer = cli("train", study, "--json")
    assert answer.code == 0
    assert set(answer.document) == {"fingerprint", "facts"}
    assert cli("train", study).code == 0
    assert not (tmp_path / "runs").exists()
    wrong = cli("train", study, "--device", "cud")
    assert wrong.code == 2
    assert 'Did you mean "cuda"?' in wrong.err


def test_check_tells_what_a_study_would_do(cli: Cli, study: Path) -> None:
    answer = cli("check", study)
    assert answer.code == 0
    assert "toy, no problem found" in answer.out
    assert "4 knobs, 81 configurations" in answer.out
    document = cli("check", study, "--json").document
    assert document["n_configurations"] == 81
    assert document["objectives"] == {"error_rate": "min", "model_bytes": "min"}
    assert [b["label"] for b in document["baselines"]] == ["2 bits", "4 bits", "8 bits"]
    assert document["baselines"][0]["costs"]["model_bytes"] == 8 * 2 * 4


def test_check_of_large_and_of_continuous_spaces(cli: Cli, study: Path) -> None:
    assert "30 knobs, 2.06e+14 configurations" in cli("check", study, "--set", "system.knobs=30").out
    tunable = cli(
        "check",
        study,
        "--set",
        "system={name: 'toy_systems:Tunable'}",
        "--set",
        "space={ratio: {low: 0.1, high: 0.5}}",
        "--set",
        "objectives=[latency_ms]",
    )
    assert "1 knobs, continuous" in tunable.out


def test_cost_goes_operator_by_operator(cli: Cli, study: Path) -> None:
    answer = cli("cost", study, "--knob", "bit_widths.*=4", "--knob", "k1=3")
    assert answer.code == 0
    assert "k1" in answer.out
    document = cli("cost", study, "--knob", "bit_widths.*=4", "--knob", "k1=3", "--json").document
    assert document["configuration"] == {f"bit_widths.k{i}": 3 if i == 1 else 4 for i in range(4)}
    assert document["costs"]["model_bytes"] == 8 * (4 + 3 + 4 + 4)
    assert [op["name"] for op in document["operators"]] == ["k0", "k1", "k2", "k3"]
    assert [op["weight_bits"] for op in document["operators"]] == [4, 3, 4, 4]


def test_front_of_a_run(cli: Cli, done: Path) -> None:
    assert "Pareto front" in cli("front", done).out
    document = cli("front", done, "--json").document
    assert document == Run.open(done).front()
    table = cli("front", done, "--csv").out.splitlines()
    assert table[0].startswith("group,trial,validation.error_rate,")
    assert len(table) == 1 + len(document["trials"]) + len(document["baselines"])


def test_front_of_a_run_under_way(cli: Cli, done: Path) -> None:
    (done / "front.json").unlink()
    journal = (done / "trials.jsonl").read_bytes()
    (done / "trials.jsonl").write_bytes(journal[: len(journal) // 3])
    document = cli("front", done, "--json").document
    assert 0 < document["n_trials"] < 30
    (done / "trials.jsonl").unlink()
    assert cli("front", done, "--json").document["n_trials"] == 0
    assert cli("front", done).code == 0


def test_a_garbled_line_is_told_as_a_warning(done: Path) -> None:
    with (done / "trials.jsonl").open("a") as file:
        file.write("garbled\n")
    told = in_a_shell(ROOT, "front", str(done), "--json")
    assert told.code == 0
    assert told.err.startswith(f"warning: {done}/trials.jsonl:")
    assert "is left out" in told.err
    assert json.loads(told.out)["n_trials"] == 30


def test_report_of_one_and_of_several_runs(cli: Cli, done: Path, tmp_path: Path) -> None:
    assert cli("report", done).out == f"{done}/report.html\n"
    toy_study(tmp_path, budget={"trials": 20}).run(tmp_path / "other", quiet=True)
    assert cli("report", done, tmp_path / "other", "--out", "both.html").out == "both.html\n"
    assert (tmp_path / "both.html").exists()
    (tmp_path / "file").write_text("")
    assert cli("report", done, "--out", "file/report.html").code == 1


def test_export_of_the_knee(cli: Cli, done: Path, tmp_path: Path) -> None:
    document = Run.open(done).front()
    answer = cli("export", done, "--out", "bundle")
    assert answer.code == 0
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    knee = next(t for t in document["trials"] if t["trial"] == document["knee"])
    assert manifest["trial"] == knee["trial"]
    assert manifest["configuration"] == knee["configuration"]
    assert manifest["validation"] == knee["validation"]
    assert manifest["test"] == knee["test"]
    assert manifest["costs"] == knee["costs"]
    assert manifest["system"]["options"] == {"name": "toy_systems:Toy"}
    assert [op["name"] for op in manifest["operators"]] == ["k0", "k1", "k2", "k3"]
    assert "numpy" in manifest["versions"]["at_search"]


def test_export_of_a_choice(cli: Cli, done: Path) -> None:
    document = Run.open(done).front()
    by_error = sorted(document["trials"], key=lambda t: t["validation"]["error_rate"])
    by_bytes = sorted(document["trials"], key=lambda t: t["costs"]["model_bytes"])
    bound = by_error[len(by_error) // 2]["validation"]["error_rate"]
    smallest = next(t for t in by_bytes if t["validation"]["error_rate"] <= bound)
    choices = {
        ("--trial", 3): 3,
        ("--pick", "knee"): document["knee"],
        ("--pick", "error_rate"): by_error[0]["trial"],
        ("--pick", "model_bytes"): by_bytes[0]["trial"],
        ("--where", f"error_rate <= {bound!r}"): smallest["trial"],
        ("--where", "accuracy >= 0.0", "--where", "model_bytes <= 1e9"): by_error[0]["trial"],
    }
    for number, (options, trial) in enumerate(choices.items()):
        answer = cli("export", done, *options, "--out", f"bundle{number}", "--json")
        assert answer.document["trial"] == trial


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trial", "3", "--pick", "knee"], "--trial, --pick and --where exclude each other"),
        (["--trial", "99"], "trial 99 is not one that is done\n    Allowed: one of 30 trials, see trials.jsonl."),
        (
            ["--pick", "kne"],
            '--pick: unknown pick "kne"\n    Allowed: error_rate, knee, model_bytes. Did you mean "knee"?',
        ),
        (["--where", "error_rate"], '--where: "error_rate" is not a bound'),
        (["--where", "error <= 1"], '--where: unknown metric or cost "error"'),
        (["--where", "model_bytes <= 3"], "no front member has model_bytes <= 3\n    Allowed: error_rate from 0."),
    ],
)
def test_a_choice_that_is_not_possible_is_told(cli: Cli, done: Path, options: list[str], message: str) -> None:
    answer = cli("export", done, *options, "--out", "bundle")
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")
    assert not (done.parent / "bundle").exists()


def test_export_does_not_overwrite_and_refuses_changed_weights(
    cli: Cli, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    answer = cli("export", done, "--out", "full")
    assert (answer.code, answer.err) == (
        2,
        "error: full is not empty\n    Allowed: --out with a new or an empty folder.\n",
    )
    assert cli("export", done, "--out", "full/file/x").code == 1
    monkeypatch.setattr("toy_systems.Toy.fingerprint", lambda system: "other weights")
    answer = cli("export", done, "--out", "bundle")
    assert answer.code == 1
    assert "the weights or the data have changed since the run" in answer.err


def test_export_where_nothing_is_feasible(cli: Cli, tmp_path: Path, cache: Path, no_report: None) -> None:
    toy_study(tmp_path, constraints=["error_rate <= 0.0001"]).run(tmp_path / "run", quiet=True)
    answer = cli("export", "run", "--out", "bundle")
    assert answer.err.startswith("error: no trial keeps to every constraint\n    Allowed: --trial N for one that does")
    assert cli("export", "run", "--out", "bundle", "--trial", 2).code == 0


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("systems", "gru_classifier"),
        ("spaces", "bit_widths"),
        ("optimizers", "nsga2"),
        ("metrics", "error_rate"),
        ("metrics", "model_bytes"),
        ("studies", "studies/gru.yaml"),
        ("studies", "studies/nameless.yaml"),
    ],
)
def test_list_names_what_there_is(cli: Cli, tmp_path: Path, what: str, some: str) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "gru.yaml").write_text("# Bits of a GRU\nname: gru\n")
    (tmp_path / "studies" / "nameless.yaml").write_text("[")
    assert some in cli("list", what).out
    rows = cli("list", what, "--json").document[what]
    assert some in [row["name"] for row in rows]
    assert all(row["description"] for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["list", "system"],
            'unknown list "system"\n    Allowed: metrics, optimizers, spaces, studies, sweeps, systems',
        ),
        (["run", "nothing.yaml"], "nothing.yaml does not exist"),
        (["check", "nothing.yaml"], "nothing.yaml does not exist"),
        (["cost"], "cost needs either a study or a workload"),
        (["cost", "toy.yaml", "--knob", "k0"], '--knob "k0" is not an assignment'),
        (["cost", "toy.yaml", "--knob", "k9=4"], '--knob: unknown knob "k9"'),
        (["cost", "toy.yaml", "--knob", "k0=[4"], '--knob k0: "[4" is not YAML'),
        (["cost", "toy.yaml", "--knob", "k0=9"], "--knob: 9 is not what bit_widths.k0 takes"),
        (["check", "toy.yaml", "--set", "budget.trails=3"], "--set budget.trails  budget.trails: unknown key"),
        (["run", "toy.yaml", "--trials", "0"], "--set budget.trials  budget.trials: 0 is not possible"),
        (["run", "toy.yaml", "--executor", "rey"], '--set executor.name  executor.name: "rey" is not known'),
        (["front", "."], ". is not a run: it has no facts.json"),
        (["report", "."], ". is not a run: it has no facts.json"),
        (["export", ".", "--out", "x"], ". is not a run: it has no facts.json"),
    ],
)
def test_what_the_user_wrote_wrong_ends_with_2(cli: Cli, study: Path, words: list[str], message: str) -> None:
    answer = cli(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["run"], ["run", "toy.yaml", "--frob"], ["run", "a", "--trials", "x"]]
)
def test_what_typer_refuses_ends_with_2(cli: Cli, words: list[str]) -> None:
    answer = cli(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_a_run_that_fails_ends_with_1(cli: Cli, study: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = cli("run", study, "--out", "file/run")
    assert (answer.code, answer.err) == (1, "error: file/run cannot be written: Not a directory\n")
    answer = cli("run", study, "--set", "system.fault=raise", "--set", "space.bit_widths.choices=[2, 3]", "--out", "r")
    assert answer.code == 0  # only some fail


def test_what_a_system_of_ones_own_does_wrong_ends_with_1(cli: Cli, study: Path) -> None:
    answer = cli("run", study, "--set", "system={name: 'toy_systems:Unprepared'}")
    assert (answer.code, answer.err) == (1, "error: toy_systems:Unprepared: prepare raised KeyError: 'weights'\n")
    debugged = cli("run", study, "--set", "system={name: 'toy_systems:Unprepared'}", "--debug")
    assert debugged.code == 1
    assert "Traceback" in debugged.err
    assert "KeyError: 'weights'" in debugged.err


def test_a_surprise_is_told_in_a_line(cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.study.Study.from_yaml", lambda path, overrides: 1 / 0)
    answer = cli("check", study)
    assert (answer.code, answer.err) == (
        1,
        "error: unexpected ZeroDivisionError: division by zero\n    --debug shows where it comes from\n",
    )
    assert "Traceback" in cli("check", study, "--debug").err


def test_help_names_every_command(cli: Cli) -> None:
    answer = cli("--help")
    assert answer.code == 0
    for command in ("run", "check", "cost", "front", "report", "export", "list"):
        assert command in answer.out


def test_a_console_script_finds_systems_in_the_current_folder(
    cli: Cli, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filters_of_mine.py").write_text("from toy_systems import Toy as Filter\n")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    answer = cli("check", study, "--set", "system={name: 'filters_of_mine:Filter'}", "--json")
    assert answer.code == 0, answer.err


def in_a_shell(folder: Path, *words: str) -> Answer:
    """The command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "search", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def test_the_light_commands_import_nothing_heavy(done: Path) -> None:
    program = (
        "import sys, search.cli\n"
        "try:\n    search.cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'optuna', 'sklearn', 'scipy', 'plotly', 'numba', 'deap', 'pebble'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    for words, allowed in (
        (["list", "optimizers"], set()),
        (["front", str(done), "--json"], {"pebble"}),
        (["--help"], set()),
    ):
        told = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert set(yaml.safe_load(told.stderr)) <= allowed
