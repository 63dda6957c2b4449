"""Scores recordings with what a run exported: any length, rate and number of channels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import EvaluationError, SystemSpecError
from evaluators.predictors import Predictor, exported_predictor, predicting_systems
from evaluators.speech.audio import n_channels, read_audio
from evaluators.speech.levels import is_silent
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples
from search.errors import RunError, SpecError

MANIFEST_FILE = "manifest.json"
WINDOWS_AT_ONCE = 16


@dataclass(frozen=True)
class FileScore:
    """What is said of one recording.

    Attributes:
        file: As the user named it.
        score: Mean over the windows; None if there is none.
        windows: Score of every window that was heard.
        seconds: Length of the recording.
        sample_rate_hz: As the file has it.
        notes: What was done to the recording.
        error: Why there is no score; empty if there is one.
    """

    file: str
    score: float | None = None
    windows: tuple[float, ...] = ()
    seconds: float | None = None
    sample_rate_hz: int | None = None
    notes: tuple[str, ...] = ()
    error: str = ""


def load_predictor(export: Path) -> Predictor:
    """The predictor in a folder that `export` wrote.

    Raises:
        SpecError: If it is no such folder, or what is in it does not predict.
        EvaluationError: If its files are damaged.
        RunError: If it hears sound of another rate than recordings are read at.
    """
    name = _system_of(export)
    try:
        predictor = exported_predictor(name, export)
    except SystemSpecError as error:
        raise SpecError(error.problems, lambda _: f"{export / MANIFEST_FILE}:") from error
    if predictor is None:
        allowed = f"an export of {', '.join(predicting_systems())}"
        raise SpecError.plain(f'{export}: what system "{name}" exports gives no score for a recording', allowed)
    if predictor.sample_rate_hz != SAMPLE_RATE_HZ:
        raise RunError(f"{export}: hears {predictor.sample_rate_hz} Hz; recordings are read at {SAMPLE_RATE_HZ} Hz")
    return predictor


def score_files(predictor: Predictor, files: Iterable[Path]) -> Iterator[FileScore]:
    """A score for each file, in order, as soon as it is there; one that cannot be scored does not stop the others."""
    for path in files:
        try:
            yield _score(predictor, path)
        except (EvaluationError, OSError) as error:
            yield FileScore(str(path), error=str(error).removeprefix(f"{path}: "))


def score_document(predictor: Predictor, export: Path, scores: Sequence[FileScore]) -> dict[str, Any]:
    """All of it, for JSON."""
    files = [{**asdict(score), "error": score.error or None} for score in scores]
    window_s = predictor.window_samples / predictor.sample_rate_hz
    return {"export": str(export), "score": predictor.score, "window_seconds": window_s, "files": files}


def windows_of(samples: Samples, n: int) -> Samples:
    """Windows of n samples that cover a recording, shape (n_windows, n).

    They follow each other; the last one ends with the recording, so it overlaps the one before unless it just fits. A
    recording that is shorter is repeated until it fills a window.

    Args:
        samples: Shape (n_samples,), at least one.
        n: Samples of a window.
    """
    if len(samples) <= n:
        return np.resize(samples, (1, n))
    starts = [*range(0, len(samples) - n, n), len(samples) - n]
    return np.stack([samples[start : start + n] for start in starts])


def _system_of(export: Path) -> str:
    manifest = export / MANIFEST_FILE
    if not manifest.is_file():
        raise SpecError.plain(f"{export} has no {MANIFEST_FILE}", "a folder that `python -m search export` wrote")
    try:
        name = json.loads(manifest.read_text(encoding="utf-8"))["system"]["options"]["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError.plain(f"{manifest} cannot be read: {error!r}", "one that `export` wrote") from error
    return str(name)


def _score(predictor: Predictor, path: Path) -> FileScore:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        return FileScore(str(path), error=f"{what}. Expected: a WAV or FLAC file.")
    samples, rate_hz = read_audio(path)
    seconds = len(samples) / SAMPLE_RATE_HZ
    notes = [*_reading_notes(rate_hz, n_channels(path)), *_window_notes(len(samples), predictor)]
    windows = windows_of(samples, predictor.window_samples)
    heard = windows[[not is_silent(window) for window in windows]]
    if n_silent := len(windows) - len(heard):
        notes.append(f"{n_silent} silent window{'s' * (n_silent > 1)} left out")
    found = FileScore(str(path), seconds=round(seconds, 3), sample_rate_hz=rate_hz, notes=tuple(notes))
    if not len(heard):
        return replace(found, error="no window of it is loud enough to be heard")
    scores = _predicted(predictor, heard)
    if not np.isfinite(scores).all():
        return replace(found, error="the network gives no finite score")
    values = tuple(round(float(score), 4) for score in scores)
    return replace(found, score=round(float(scores.mean()), 4), windows=values)


def _predicted(predictor: Predictor, windows: Samples) -> NDArray[np.float64]:
    starts = range(0, len(windows), WINDOWS_AT_ONCE)
    parts = [predictor.predict(windows[start : start + WINDOWS_AT_ONCE]) for start in starts]
    return np.concatenate(parts).astype(np.float64)


def _reading_notes(rate_hz: int, n_channels: int) -> Iterator[str]:
    if n_channels > 1:
        yield f"mean of {n_channels} channels"
    if rate_hz != SAMPLE_RATE_HZ:
        lacking = f", so nothing above {rate_hz / 2000:g} kHz" if rate_hz < SAMPLE_RATE_HZ else ""
        yield f"resampled from {rate_hz} Hz{lacking}"


def _window_notes(n_samples: int, predictor: Predictor) -> Iterator[str]:
    n, rate_hz = predictor.window_samples, predictor.sample_rate_hz
    window = f"{n / rate_hz:g} s"
    if n_samples < n:
        yield f"{n_samples / rate_hz:.2f} s, repeated to fill {window}"
    elif n_samples > n:
        overlap = ", the last two of which overlap" if n_samples % n else ""
        yield f"mean of {-(-n_samples // n)} windows of {window}{overlap}"
