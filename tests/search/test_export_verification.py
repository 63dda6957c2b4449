"""Export of a trial: the choice, the files, their figures, and the check of the C on an emulated core."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cost_models.emulator import is_available
from cost_models.errors import CompilerError, MissingExtraError
from evaluators.c_interface import INTERFACE_FILE
from search import Study
from search.cli import main
from search.errors import SpecError
from search.export import Choice, VerificationError, bundle, check_verification, export_trial
from search.export.host import HostTest, host_test
from search.export.verification import VECTORS_FILE, Verification, verify
from search.run import Run

STUDY = {
    "name": "tiny",
    "system": {"name": "gru_classifier", "hidden": 6, "training": {"epochs": 2}},
    "space": {"bit_widths": {"operators": "*", "choices": [3, 5, 8]}},
    "objectives": ["error_rate", "model_bytes", "cycles"],
    "target": "cortex_m4",
    "optimizer": {"name": "random", "seed": 0},
    "budget": {"trials": 10},
    "executor": {"name": "serial"},
}
needs_mcu = pytest.mark.skipif(not is_available(), reason="needs the extra mcu")
NOT_RUN = HostTest(None, "not run")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Study.from_dict(STUDY).run(tmp_path_factory.mktemp("runs") / "tiny", quiet=True)


@pytest.fixture(scope="module")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    toy = {"system": {"name": "toy_systems:Toy"}, "objectives": ["error_rate", "model_bytes"], "target": ""}
    return Study.from_dict({**STUDY, **toy}).run(tmp_path_factory.mktemp("runs") / "toy", quiet=True)


@pytest.fixture(scope="module")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("export") / "model"
    return out, export_trial(run, Choice(pick="knee"), out)


def test_the_manifest_is_what_was_measured(run: Run, exported: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = exported
    assert json.loads((out / "manifest.json").read_text()) == manifest
    knee = next(t for t in run.front()["trials"] if t["trial"] == run.front()["knee"])
    for key in ("trial", "configuration", "validation", "test", "costs"):
        assert manifest[key] == knee[key]
    assert (
        sum(op["weight_bytes"] + op["constant_bytes"] for op in manifest["operators"]) == knee["costs"]["model_bytes"]
    )


def test_the_manifest_has_the_hash_of_every_other_file(exported: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = exported
    assert set(manifest["files"]) == {path.name for path in out.iterdir()} - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_the_readme_has_the_figures(exported: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = exported
    page = (out / "README.md").read_text()
    assert page.startswith("# A quantized GRU classifier in C")
    error, spread = manifest["test"]["error_rate"], manifest["test_standard_errors"]["error_rate"]
    assert f"{100 * error:.2f} ± {100 * spread:.2f}" in page
    assert f"| model_bytes | {manifest['costs']['model_bytes']:,.0f} |" in page
    assert f"| cycles of an inference of 8 steps on cortex_m4 | {manifest['costs']['cycles']:,.0f} |" in page


@pytest.mark.parametrize("choice", [Choice(pick="model_bytes"), Choice(where=("error_rate <= 0.99",)), Choice(trial=0)])
def test_any_trial_can_be_exported(run: Run, tmp_path: Path, choice: Choice) -> None:
    manifest = export_trial(run, choice, tmp_path / "out")
    assert manifest["trial"] == choice.of(run.front())
    assert (tmp_path / "out/model.c").exists()


def export_command(run: Run, out: Path, *options: str) -> int:
    """Its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(["export", str(run.directory.path), "--pick", "knee", "--out", str(out), "--verify", *options])
    return int(caught.value.code or 0)


@needs_mcu
def test_exported_c_holds(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export_command(run, tmp_path / "out", "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    found = manifest["verification"]
    assert json.loads((tmp_path / "out/verification.json").read_text()) == found
    assert found["verified"]
    assert found["n_exact"] == found["n_vectors"] == 32
    assert found["checked_with"][0] == "reference"
    names = [figure["name"] for figure in found["figures"]]
    assert names == ["cycles of a step", "cycles of an inference, 8 steps", "bytes of flash", "bytes of RAM"]
    assert found["figures"][1]["predicted"] == pytest.approx(manifest["costs"]["cycles"])


@needs_mcu
def test_what_does_not_hold_is_exit_code_1(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "host_test", lambda folder: HostTest(False, "31 of 32"))
    assert export_command(run, tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "outputs: 32 of 32 test vectors to the bit as by reference and" in told.out
    assert told.err == "error: verification failed:\n    make host-test fails: 31 of 32\n"


def test_a_folder_with_something_in_it_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SpecError, match="is not empty"):
        export_trial(run, Choice(), tmp_path)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(trial=999), "trial 999 is not one that is done"),
        (Choice(trial=0, pick="knee"), "exclude each other"),
        (Choice(pick="model_byte"), 'unknown pick "model_byte"'),
        (Choice(where=("error_rate < 1",)), "NAME <= NUMBER"),
        (Choice(where=("error <= 1",)), 'unknown metric or cost "error"'),
        (Choice(where=("model_bytes <= 1",)), "no front member has model_bytes <= 1"),
    ],
)
def test_choices_that_are_not_possible(run: Run, tmp_path: Path, choice: Choice, message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("?", r"\?")):
        export_trial(run, choice, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_system_without_c_has_a_readme_and_nothing_to_verify(toy_run: Run, tmp_path: Path) -> None:
    manifest = export_trial(toy_run, Choice(), tmp_path / "plain")
    assert set(manifest["files"]) == {"README.md"}
    assert (tmp_path / "plain/README.md").read_text().startswith(f"# tiny, trial {manifest['trial']}\n")
    if is_available():
        with pytest.raises(SpecError, match='system "toy_systems:Toy" exports no C'):
            export_trial(toy_run, Choice(), tmp_path / "verified", verified=True)


def test_without_the_extra_nothing_is_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name.partition(".")[0] == "unicorn":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(MissingExtraError) as caught:
        export_trial(run, Choice(), tmp_path / "out", verified=True)
    assert str(caught.value) == "export --verify needs an extra: pip install 'tinypareto[mcu]'"
    assert not (tmp_path / "out").exists()


@pytest.fixture
def tampered(run: Run, exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> Callable[..., Verification]:
    """Verifies a copy of the export in which one text of a file is replaced."""
    out, manifest = exported
    records = {record.trial: record for record in run.records() if record.split == "validation"}
    study = Study.from_dict(STUDY)
    workload = study.system.workload(records[manifest["trial"]].configuration, {})

    def verified(change: Callable[[Path], None]) -> Verification:
        folder = tmp_path / "copy"
        shutil.copytree(out, folder)
        change(folder)
        return verify(folder, workload, tmp_path / "cache", NOT_RUN)

    return verified


def edited(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))

    return change


@needs_mcu
def test_other_code_is_told_by_its_outputs(tampered: Callable[..., Verification]) -> None:
    change = edited("model.c", "gru0_hidden_new_bias[] = {\n", "gru0_hidden_new_bias[] = {\n    99,")
    found = tampered(change)
    assert found.n_exact < found.n_vectors == 32
    assert "logits are [" in found.differences[0]
    assert found.differences[3].endswith("more test vectors differ")
    with pytest.raises(VerificationError, match=r"^verification failed:\n    test vector \d+: logits are"):
        check_verification(found.document())
    assert VerificationError.exit_code == 1
    assert json.loads(json.dumps(found.document()))["verified"] is False


@needs_mcu
def test_a_wrong_state_is_told(tampered: Callable[..., Verification]) -> None:
    def change(folder: Path) -> None:
        vectors = load_file(folder / VECTORS_FILE)
        vectors["state0"][5, 2] += 1
        save_file(vectors, folder / VECTORS_FILE)

    assert tampered(change).differences == ["test vector 5: the state of layer 0 differs in 1 elements"]


@needs_mcu
def test_bytes_that_were_not_promised_are_told(tampered: Callable[..., Verification]) -> None:
    def change(folder: Path) -> None:
        interface = json.loads((folder / INTERFACE_FILE).read_text())
        (folder / INTERFACE_FILE).write_text(json.dumps({**interface, "ram_bytes": interface["ram_bytes"] + 4}))

    (difference,) = tampered(change).differences
    assert difference.startswith("bytes of RAM: ")
    assert difference.endswith("more than 2% apart")


@needs_mcu
def test_cycles_that_were_not_promised_are_told(tampered: Callable[..., Verification]) -> None:
    found = tampered(edited("model.c", "void model_step(void) {\n", "void model_step(void) {\n    model_classify();\n"))
    assert [told.partition(":")[0] for told in found.differences] == [
        "cycles of a step",
        "cycles of an inference, 8 steps",
    ]
    assert found.n_exact == 32


@needs_mcu
def test_code_that_does_not_compile_shows_what_the_compiler_says(tampered: Callable[..., Verification]) -> None:
    with pytest.raises(CompilerError, match=r"model\.c does not compile:\n.*error"):
        tampered(edited("model.c", "void model_init(void) {", "void model_init(void) { undeclared();"))


def test_the_host_test_tells_what_differs(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    if shutil.which("make") is None or shutil.which("cc") is None:
        pytest.skip("needs make and a C compiler")
    good = host_test(exported[0])
    assert good == HostTest(True, "32 of 32 test vectors give the expected logits")
    folder = tmp_path / "copy"
    shutil.copytree(exported[0], folder)
    edited("model.c", "gru0_hidden_new_bias[] = {\n", "gru0_hidden_new_bias[] = {\n    99,")(folder)
    bad = host_test(folder)
    assert bad.passed is False
    assert "expected" in bad.message
    assert not (folder / "host").exists()


def test_a_machine_without_a_compiler_is_no_failure(
    exported: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert host_test(exported[0]) == HostTest(None, "not run, there is no make and no cc")


def test_vectors_are_those_of_the_test_split(exported: tuple[Path, dict[str, Any]]) -> None:
    vectors = load_file(exported[0] / VECTORS_FILE)
    assert vectors["x"].shape == (32, 8, 8)
    assert np.all(vectors["lengths"] == 8)
