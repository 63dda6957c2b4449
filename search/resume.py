"""Whether a run that was begun can be gone on with: its records must mean what new ones would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cost_models import Target
from evaluators.system import System
from search.errors import SpecError
from search.racing import Racing
from search.run_directory import RunFacts

LATER_SECTIONS = {"racing": Racing().model_dump(mode="json")}
"""Sections that runs begun before they existed do not have, with what those runs did."""


def check_same_study(stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Budget and executor may change, but for its mode; what decides the records may not."""
    stored = {**LATER_SECTIONS, **stored}
    changes = [
        f"{path}: the run has {_short(before)}, the study has {_short(now)}"
        for key in dict.fromkeys([*stored, *given])
        if key not in ("budget", "executor")
        for path, before, now in _differences(key, stored.get(key), given.get(key))
    ]
    modes = [part.get("executor", {}).get("mode", "generations") for part in (stored, given)]
    if modes[0] != modes[1]:
        changes.append(f"executor.mode: the run has {modes[0]}, the study has {modes[1]}")
    if changes:
        raise SpecError.plain(
            "the study has changed since the run began:\n  " + "\n  ".join(changes), "--out for a new run"
        )


def check_same_target(stored: RunFacts, target: Target | None) -> None:
    """A target file may have been edited while its name stayed the same."""
    if target is not None and stored.target_fingerprint != target.fingerprint:
        raise SpecError.plain(
            f"the target {stored.target} has changed since the run began: its cycles would not compare",
            "--out for a new run",
        )


def check_same_system(stored: RunFacts, system: System) -> None:
    """The weights may have been trained again, the data may be others."""
    if stored.system["fingerprint"] != system.fingerprint():
        raise SpecError.plain(
            "the weights or the data have changed since the run began: its measurements would not compare",
            "--out for a new run",
        )


def _differences(path: str, before: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(f"{path}.{key}", before.get(key), now.get(key))
    elif before != now:
        yield path, before, now


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 100 else text[:97] + "..."
