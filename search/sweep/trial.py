"""What runs in a trial of Ray Tune: one study of the sweep, in its own run directory, resumed where it was."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluators.storage import write_atomically
from evaluators.worker_process import mark_as_worker
from search.display.progress import Quiet
from search.errors import RunError
from search.executors.shipment import Shipment
from search.run import carry_out
from search.run_directory import RunDirectory
from search.study import Study
from search.sweep.storage import Storage

OUTCOME = "outcome.json"
REPORT_S = 1.0
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """A cell on its way to the machine that carries it out.

    Attributes:
        name: Of the run directory.
        study: Resolved.
        folder: Where relative paths in it start from.
        storage: Where its run directory lies.
        expected: Versions it must find.
        paths: Where the sweeping process looks for modules.
    """

    name: str
    study: Mapping[str, Any]
    folder: str
    storage: Storage
    expected: Mapping[str, str]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a study of the sweep ended; kept beside its run.

    Attributes:
        state: `done` or `failed`.
        reason: Why it failed.
        hypervolume, baseline_hypervolume: Of the whole front, and of the homogeneous configurations alone.
        front: Size of the front.
        trials: Validation records.
        seconds: How long the last attempt took.
    """

    state: str
    reason: str = ""
    hypervolume: float = 0.0
    baseline_hypervolume: float = 0.0
    front: int = 0
    trials: int = 0
    seconds: float = 0.0

    def write(self, folder: Path) -> None:
        """Keep it."""
        write_atomically(folder / OUTCOME, (json.dumps(asdict(self)) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Outcome | None:
        """The outcome; None if the run has none yet, or one that cannot be read."""
        try:
            return cls(**json.loads((folder / OUTCOME).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


class Reporter(Quiet):
    """Tells Tune how far the search is, now and then."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last = 0.0
        self._total = 0

    def begin(self, title: str, total: int) -> None:
        """Remember how much there is to do."""
        self._total = total

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        """Tell it, unless that was done a moment ago."""
        if front_size >= 0 and time.monotonic() - self._last >= REPORT_S:
            self._last = time.monotonic()
            told = {"state": "running", "trials": done, "total": self._total}
            self._report({**told, "hypervolume": hypervolume, "front": front_size})


def carry_out_task(task: Task, shipment: Shipment, report: Report) -> None:
    """Carry the study out; its outcome is kept with the run.

    Raises:
        Exception: Whatever made it fail, for Tune to try again.
    """
    sys.path += [path for path in task.paths if path not in sys.path and Path(path).exists()]
    mark_as_worker()
    started = time.monotonic()
    with task.storage.folder(task.name) as folder:
        try:
            _check_versions(task.expected)
            study = Study.from_dict(task.study, task.folder)
            directory = RunDirectory(folder)
            run = carry_out(study, directory, resume=True, fresh=False, monitor=Reporter(report), arrived=shipment)
            front = run.front()
        except Exception as error:
            Outcome("failed", _told(error), seconds=time.monotonic() - started).write(folder)
            raise
        outcome = Outcome(
            "done",
            "",
            front["hypervolume"],
            front["baseline_hypervolume"],
            len(front["trials"]),
            front["n_trials"],
            time.monotonic() - started,
        )
        outcome.write(folder)
    report(asdict(outcome))


def _check_versions(expected: Mapping[str, str]) -> None:
    from search.executors.ray_worker import differences, installed

    other = differences(expected, installed())
    if other:
        raise RunError(f"this machine has {other}")


def _told(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines() or [""]
    return lines[0] if isinstance(error, RunError) else f"{type(error).__name__}: {lines[0]}"
