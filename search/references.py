"""The references of a run: asked of the system once, and kept beside the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.progress import Progress
from evaluators.references import HasReferences
from evaluators.system import EvaluationSplit, System
from search.run_directory import RunDirectory

SPLITS: tuple[EvaluationSplit, ...] = ("validation", "test")
_PARTS = tuple(f"{split}{suffix}" for split in SPLITS for suffix in ("", "_standard_errors"))


def keep_references(system: System, directory: RunDirectory, progress: Progress) -> None:
    """Ask a prepared system for its references and store them, unless an interrupted run has done so."""
    if not isinstance(system, HasReferences) or directory.references.exists():
        return
    progress.start("references", len(SPLITS))
    try:
        directory.write_json(directory.references, {"references": _measured(system, progress)})
    finally:
        progress.finish()


def _measured(system: HasReferences, progress: Progress) -> list[dict[str, Any]]:
    """The references as the front document holds them; a split on which one is not known stays empty."""
    found: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        references = system.references(split)
        progress.advance()
        for reference in references:
            entry = found.setdefault(reference.label, _empty(reference.label))
            measured = reference.measurement
            entry[split] = dict(measured.metrics)
            entry[f"{split}_standard_errors"] = dict(measured.standard_errors)
            entry[f"{split}_clips"] = [dict(row) for row in measured.clips]
            entry["costs"] = dict(reference.costs)
    return list(found.values())


def read_references(directory: RunDirectory) -> list[dict[str, Any]]:
    """Those that were stored; none if there are none or they cannot be read."""
    document = directory.read_json(directory.references) or {}
    entries = document.get("references")
    sound = [entry for entry in entries if _is_sound(entry)] if isinstance(entries, Sequence) else []
    return [{**_empty(entry["label"]), **entry} for entry in sound]


def _empty(label: str) -> dict[str, Any]:
    clips: dict[str, list[Any]] = {f"{split}_clips": [] for split in SPLITS}
    return {"label": label, **{part: {} for part in _PARTS}, **clips, "costs": {}}


def _is_sound(entry: Any) -> bool:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("label"), str):
        return False
    numbers = [entry.get(part, {}) for part in (*_PARTS, "costs")]
    return all(isinstance(n, Mapping) and all(type(v) in (int, float) for v in n.values()) for n in numbers)
