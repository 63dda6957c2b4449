"""The results of a race: one line of JSON for each contestant, problem and seed, only ever appended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARKS = (25, 50, 75, 100, 150, 200, 300, 500, 750, 1000)
"""Unique evaluations after which the hypervolume is kept: a line is short enough for thousands to be committed."""
DIGITS = 7
"""Significant digits that are kept."""


@dataclass(frozen=True)
class Result:
    """What one contestant did on one problem with one seed.

    Attributes:
        problem, contestant, seed: Which.
        found: Mark -> hypervolume after so many unique evaluations.
        seconds: Processor time it took without the evaluations.
        version: Of the library that the contestant comes from.
    """

    problem: str
    contestant: str
    seed: int
    found: dict[int, float]
    seconds: float
    version: str

    @property
    def key(self) -> tuple[str, str, int]:
        """Which of all."""
        return self.problem, self.contestant, self.seed


@dataclass(frozen=True)
class Results:
    """The file of a race in a folder, and the reference hypervolumes beside it."""

    folder: Path

    def add(self, result: Result) -> None:
        """Append a result; several processes may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            # An interrupted race may have left half a line.
            file.write(("" if _ends_whole(self._file) else "\n") + json.dumps(asdict(result)) + "\n")

    def read(self) -> dict[tuple[str, str, int], Result]:
        """Everything there is; of equal keys the last."""
        results = (_result(line) for line in _lines(self._file))
        return {result.key: result for result in results}

    def reference(self, problem: str) -> float | None:
        """Hypervolume of the reference front, if it is there."""
        return {line["problem"]: float(line["hypervolume"]) for line in _lines(self._references)}.get(problem)

    def add_reference(self, problem: str, hypervolume: float, front: NDArray[np.float64]) -> None:
        """Keep a reference front."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [[_rounded(value) for value in row] for row in front.tolist()]
        line = {"problem": problem, "hypervolume": hypervolume, "front": rows}
        with self._references.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def _file(self) -> Path:
        return self.folder / "results.jsonl"

    @property
    def _references(self) -> Path:
        return self.folder / "references.jsonl"


def at_marks(trace: Callable[[int], float], limit: int) -> dict[int, float]:
    """Values of a trace at the marks up to a limit, and at the limit."""
    return {mark: _rounded(trace(mark)) for mark in sorted({*MARKS, limit}) if mark <= limit}


def _result(line: dict[str, Any]) -> Result:
    return Result(**{**line, "found": {int(mark): float(value) for mark, value in line["found"].items()}})


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _ends_whole(path: Path) -> bool:
    return path.read_bytes()[-1:] in (b"", b"\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Lines that can be read; an interrupted race may leave half a one."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        with suppress(ValueError):
            yield json.loads(line)
