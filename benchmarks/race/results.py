"""The results of a race: one line of JSON for each contestant, problem and seed, only ever appended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STEP = 5
"""Evaluations between two values of a trace."""


@dataclass(frozen=True)
class Result:
    """What one contestant did on one problem with one seed.

    Attributes:
        problem, contestant, seed: Which.
        trace: Hypervolume after every `STEP` unique evaluations.
        seconds: Time it took without the evaluations.
        reference: Hypervolume of the reference front.
    """

    problem: str
    contestant: str
    seed: int
    trace: tuple[float, ...]
    seconds: float

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
            file.write(json.dumps(asdict(result)) + "\n")

    def read(self) -> dict[tuple[str, str, int], Result]:
        """Everything there is; of equal keys the last."""
        found = (Result(**{**line, "trace": tuple(line["trace"])}) for line in _lines(self._file))
        return {result.key: result for result in found}

    def reference(self, problem: str) -> float | None:
        """Hypervolume of the reference front, if it is there."""
        return {line["problem"]: float(line["hypervolume"]) for line in _lines(self._references)}.get(problem)

    def add_reference(self, problem: str, hypervolume: float, front: NDArray[np.float64]) -> None:
        """Keep a reference front."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = {"problem": problem, "hypervolume": hypervolume, "front": front.tolist()}
        with self._references.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def _file(self) -> Path:
        return self.folder / "results.jsonl"

    @property
    def _references(self) -> Path:
        return self.folder / "references.jsonl"


def _lines(path: Path) -> Iterator[dict[str, object]]:
    """Lines that can be read; an interrupted race may leave half a one."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        with suppress(ValueError):
            yield json.loads(line)
