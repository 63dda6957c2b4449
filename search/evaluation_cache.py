"""Measurements kept over runs: same system, weights, data, split, fidelity and configuration, same values."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from evaluators.clip_tables import checked_clips
from evaluators.system import Measurement
from spaces import Configuration, canonical


class EvaluationCache:
    """Measurements of one prepared system, in an append-only file.

    Several runs may append at the same time: every measurement is one short write. Lines that cannot be read are as
    good as absent.

    Args:
        folder: Where such files are kept.
        fingerprint: Identity of the system with its weights and data; empty: nothing is kept.
        is_fresh: Ignore what earlier runs left.
    """

    def __init__(self, folder: Path, fingerprint: str, is_fresh: bool = False) -> None:
        self._known: dict[str, Measurement] = {}
        self._path: Path | None = None
        if fingerprint:
            self._path = folder / f"{hashlib.sha256(fingerprint.encode()).hexdigest()[:24]}.jsonl"
            if not is_fresh:
                self._load(self._path)

    def get(self, configuration: Configuration, split: str, fidelity: float) -> Measurement | None:
        """The measurement, if there is one."""
        return self._known.get(_key(configuration, split, fidelity))

    def put(self, measured: list[tuple[Configuration, str, float, Measurement]]) -> None:
        """Keep measurements; a cache that cannot be written is no reason to stop."""
        lines = []
        for configuration, split, fidelity, measurement in measured:
            key = _key(configuration, split, fidelity)
            if key not in self._known:
                self._known[key] = measurement
                lines.append(json.dumps({"key": key, **measurement.__dict__}, allow_nan=False, separators=(",", ":")))
        if lines and self._path is not None:
            self._append("".join(line + "\n" for line in lines).encode())

    def _append(self, content: bytes) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(file, content)
            finally:
                os.close(file)
        except OSError:
            self._path = None

    def _load(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError:  # not there yet, or out of reach: then nothing is known
            return
        for line in content.splitlines():
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                fields: dict[str, Any] = json.loads(line)
                key = fields.pop("key")
                self._known[key] = _measurement(**fields)


def _measurement(metrics: Any, activity: Any, standard_errors: Any, clips: Any = ()) -> Measurement:
    return Measurement(_numbers(metrics), _numbers(activity), _numbers(standard_errors), checked_clips(clips))


def _numbers(part: Any) -> dict[str, float]:
    return {str(name): float(value) for name, value in part.items()}


def _key(configuration: Configuration, split: str, fidelity: float) -> str:
    return hashlib.sha256(f"{split}|{fidelity!r}|{canonical(configuration)}".encode()).hexdigest()[:32]
