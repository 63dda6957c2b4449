"""Illustrations of a run: asked of the system for members of the front, kept as files beside the journal."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.errors import EvaluationError
from evaluators.illustrations import Illustrated, Illustration, Predictions, Steps
from evaluators.progress import Progress
from evaluators.storage import write_atomically
from evaluators.system import System
from search.records import TrialRecord
from search.run_directory import RunDirectory, writing

MAX_MEMBERS = 12
"""Members of the front that are illustrated, evenly spread."""
MAX_BYTES = 5_000_000
"""Of all sounds together: a report holds them all, a third larger."""

DECIMALS = 4
"""Kept of predicted and true values: more than a figure can show."""

_FILE = re.compile(r"\d{1,6}\.(flac|wav)")


class IllustrationWarning(UserWarning):
    """A run has no illustrations."""


@dataclass(frozen=True)
class StoredSound:
    """A sound of a run.

    Attributes:
        example: What was processed.
        title: What it is; empty for a trial's.
        trial: Whose it is; None for what no trial made.
        format: `flac` or `wav`.
        content: The file.
    """

    example: str
    title: str
    trial: int | None
    format: str
    content: bytes


@dataclass(frozen=True)
class StoredSteps:
    """A decision over time of a trial; see `evaluators.illustrations.Steps`."""

    title: str
    trial: int
    levels: tuple[str, ...]
    values: tuple[int, ...]
    step_ms: float
    part: str = ""


@dataclass(frozen=True)
class StoredPredictions:
    """Predicted against true values by a trial; see `evaluators.illustrations.Predictions`."""

    title: str
    trial: int
    quantity: str
    true: tuple[float, ...]
    predicted: tuple[float, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Illustrations:
    """What a run has to show beside numbers."""

    sounds: tuple[StoredSound, ...] = ()
    steps: tuple[StoredSteps, ...] = ()
    predictions: tuple[StoredPredictions, ...] = ()
    n_left_out: int = 0


def keep_illustrations(
    system: System, directory: RunDirectory, front: Sequence[TrialRecord], knee: int | None, progress: Progress
) -> None:
    """Ask a prepared system to illustrate members of the front and store what it shows; a failure is but a warning."""
    done = [record for record in front if record.state == "done"]
    if not isinstance(system, Illustrated) or not done:
        return
    shown = chosen_members(done, knee)
    progress.start("illustrations", 1)
    try:
        found = system.illustrate([record.configuration for record in shown])
        progress.advance()
        if found:
            _write(directory, found, [record.trial for record in shown])
    except EvaluationError as error:
        warnings.warn(f"the run is not illustrated: {error}", IllustrationWarning, stacklevel=2)
    finally:
        progress.finish()


def chosen_members(front: Sequence[TrialRecord], knee: int | None) -> list[TrialRecord]:
    """At most `MAX_MEMBERS`, evenly spread, both ends and the knee among them."""
    if len(front) <= MAX_MEMBERS:
        return list(front)
    positions = {i * (len(front) - 1) // (MAX_MEMBERS - 1) for i in range(MAX_MEMBERS)}
    at = next((i for i, record in enumerate(front) if record.trial == knee), None)
    if at is not None and at not in positions:
        inner = positions - {0, len(front) - 1}
        positions = positions - {min(inner, key=lambda i: abs(i - at))} | {at}
    return [front[i] for i in sorted(positions)]


def read_illustrations(directory: RunDirectory) -> Illustrations:
    """What was stored; entries that are not sound are left out, and no file outside the folder is ever read."""
    index = directory.read_json(directory.illustrations / "index.json") or {}
    sounds: list[StoredSound] = []
    n_bytes = n_left_out = 0
    for entry in _entries(index, "sounds"):
        sound = _read_sound(directory.illustrations, entry)
        if sound is None:
            continue
        n_bytes += len(sound.content)
        if n_bytes > MAX_BYTES:
            n_left_out += 1
        else:
            sounds.append(sound)
    steps = [found for entry in _entries(index, "steps") if (found := _read_steps(entry)) is not None]
    predicted = map(_read_predictions, _entries(index, "predictions"))
    predictions = tuple(found for found in predicted if found is not None)
    return Illustrations(tuple(sounds), tuple(steps), predictions, n_left_out)


def _write(directory: RunDirectory, found: Sequence[Illustration], trials: Sequence[int]) -> None:
    """The files first, so that the index names none that is not there."""
    folder = directory.illustrations
    with writing(folder):
        folder.mkdir(exist_ok=True)
    sounds: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    for item in found:
        trial = None if item.of is None else trials[item.of]
        if isinstance(item, Steps):
            drawn = {"levels": list(item.levels), "values": list(item.values), "step_ms": item.step_ms}
            steps.append({"title": item.title, "trial": trial, "part": item.part, **drawn})
            continue
        if isinstance(item, Predictions):
            values = {key: [round(float(v), DECIMALS) for v in getattr(item, key)] for key in ("true", "predicted")}
            about = {"title": item.title, "trial": trial, "quantity": item.quantity}
            predictions.append({**about, **values, "names": list(item.names)})
            continue
        name = f"{len(sounds):03d}.{item.format}"
        with writing(folder / name):
            write_atomically(folder / name, item.content)
        sounds.append({"example": item.example, "title": item.title, "trial": trial, "file": name})
    directory.write_json(folder / "index.json", {"sounds": sounds, "steps": steps, "predictions": predictions})


def _entries(index: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = index.get(key)
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _read_sound(folder: Path, entry: Mapping[str, Any]) -> StoredSound | None:
    name, trial = entry.get("file"), entry.get("trial")
    if not isinstance(name, str) or not (match := _FILE.fullmatch(name)) or type(trial) not in (int, type(None)):
        return None
    path = folder / name
    with suppress(OSError):
        if not path.is_symlink() and path.stat().st_size <= MAX_BYTES:
            example, title = (str(entry.get(key, "")) for key in ("example", "title"))
            return StoredSound(example, title, trial, match[1], path.read_bytes())
    return None


def _read_steps(entry: Mapping[str, Any]) -> StoredSteps | None:
    try:
        levels, values = tuple(map(str, entry["levels"])), tuple(entry["values"])
        rest = (levels, values, float(entry["step_ms"]), str(entry.get("part", "")))
        found = StoredSteps(str(entry["title"]), entry["trial"], *rest)
    except (KeyError, TypeError, ValueError):
        return None
    is_sound = type(found.trial) is int and all(type(v) is int and 0 <= v < len(levels) for v in values)
    return found if is_sound and values and 0 < found.step_ms < float("inf") else None


def _read_predictions(entry: Mapping[str, Any]) -> StoredPredictions | None:
    try:
        true, predicted = (tuple(float(value) for value in entry[key]) for key in ("true", "predicted"))
        names = tuple(map(str, entry["names"]))
        found = StoredPredictions(str(entry["title"]), entry["trial"], str(entry["quantity"]), true, predicted, names)
    except (KeyError, TypeError, ValueError):
        return None
    is_sound = type(found.trial) is int and len(true) == len(predicted) == len(names) > 0
    return found if is_sound and all(map(math.isfinite, (*true, *predicted))) else None
