"""Writes the deployment bundle: the system's own files, figures, and a manifest that says what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cost_models import Workload, cost_report, load_target
from evaluators.c_interface import INTERFACE_FILE, CInterface
from evaluators.registry import create_system
from evaluators.storage import cache_root, write_atomically
from evaluators.system import Context, System
from search.display.progress import Display
from search.errors import RunError, SpecError
from search.export.choice import Choice
from search.export.emulation import require_emulator
from search.export.host import host_test
from search.export.readme import with_figures
from search.export.verification import VERIFICATION_FILE, PredictedCycles, verify
from search.records import TrialRecord
from search.run import Run
from search.run_directory import writing
from search.versions import versions

FORMAT = 1
"""Version of the manifest; rises when a reader would have to change."""


def export_trial(run: Run, choice: Choice, out: Path, *, verified: bool = False) -> dict[str, Any]:
    """Export one trial of a run.

    Args:
        run: The run.
        choice: Which trial.
        out: A folder, new or empty.
        verified: Also check what was exported on an emulated core.

    Returns:
        The manifest, as written to `manifest.json`; if verified, with what was found as `verification`, which
        `verification.json` holds too.

    Raises:
        SpecError: If the choice is not possible or the folder is not empty.
        RunError: If the weights or data are not those of the run any more.
        MissingExtraError: If it is to be verified and a package that this takes is not installed.
    """
    if verified:
        require_emulator("export --verify")
    document = run.front()
    number = choice.of(document)
    records = {r.trial: r for r in run.records() if r.split == "validation"}
    record = records.get(number)
    if record is None or record.state != "done":
        done = sum(r.state == "done" for r in records.values())
        raise SpecError.plain(f"trial {number} is not one that is done", f"one of {done} trials, see trials.jsonl")
    system, section = _system(run, document)
    with writing(out):
        if out.exists() and any(out.iterdir()):
            raise SpecError.plain(f"{out} is not empty", "--out with a new or an empty folder")
        out.mkdir(parents=True, exist_ok=True)
        system.export(record.configuration, out)
        workload = system.workload(record.configuration, record.activity)
        manifest = _manifest(run, document, record, system, section, workload)
        _write_readme(out, manifest, workload)
        manifest["files"] = _hashes(out)
        _write_json(out / "manifest.json", manifest)
    return {**manifest, "verification": _verified(out, workload, section["name"])} if verified else manifest


def _verified(out: Path, workload: Workload, system: str) -> dict[str, Any]:
    if not (out / INTERFACE_FILE).exists():
        raise SpecError.plain(f'system "{system}" exports no C that could be verified; the rest is in {out}')
    verification = verify(out, workload, cache_root() / "mcu", host_test(out)).document()
    with writing(out):
        _write_json(out / VERIFICATION_FILE, verification)
    return verification


def _write_readme(out: Path, manifest: Mapping[str, Any], workload: Workload) -> None:
    """The figures, behind what the system says of its files."""
    readme, cycles = out / "README.md", {}
    page = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if (out / INTERFACE_FILE).exists():
        interface = CInterface.read(out)
        target = load_target(interface.core, Path())
        predicted = PredictedCycles.of(workload, interface.final_operators, target)
        cycles = {
            f"cycles of a step on {target.name}": predicted.step,
            f"cycles of an inference of {predicted.n_steps} steps on {target.name}": predicted.inference,
        }
    write_atomically(readme, with_figures(page, manifest, cycles).encode())


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())


def _hashes(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _system(run: Run, document: Mapping[str, Any]) -> tuple[System, dict[str, Any]]:
    """The system of the run, prepared; it must be the one whose numbers stand in the journal."""
    section = dict(run.directory.read_study()["system"])
    options = {key: value for key, value in section.items() if key != "name"}
    system = create_system(section["name"], options, Path(run.directory.read_facts().folder))
    system.prepare(Context(cache_root(), Display()))
    if system.fingerprint() != document["system"]["fingerprint"]:
        raise RunError("the weights or the data have changed since the run: export would not be what was measured")
    return system, section


def _manifest(
    run: Run,
    document: Mapping[str, Any],
    record: TrialRecord,
    system: System,
    section: Mapping[str, Any],
    workload: Workload,
) -> dict[str, Any]:
    test = next((r for r in run.records() if r.split == "test" and r.trial == record.trial), None)
    facts = run.directory.read_facts()
    target = load_target(facts.target, Path(facts.folder)) if facts.target else None
    return {
        "format": FORMAT,
        "study": document["study"],
        "trial": record.trial,
        "configuration": dict(record.configuration),
        "validation": dict(record.metrics),
        "validation_standard_errors": dict(record.standard_errors),
        "test": dict(test.metrics) if test else {},
        "test_standard_errors": dict(test.standard_errors) if test else {},
        "costs": dict(record.costs),
        "activity": dict(record.activity),
        "operators": [asdict(op) for op in cost_report(workload, target).operators],
        "target": document["target"],
        "system": {"options": dict(section), "fingerprint": system.fingerprint(), "facts": dict(system.facts())},
        "seed": record.seed,
        "versions": {"at_search": document["versions"], "at_export": versions()},
    }
