"""What every executor is: jobs go in, outcomes come out in any order, exactly one for each job."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Protocol

from evaluators.clip_tables import checked_clips
from evaluators.system import EvaluationSplit, Measurement, System
from spaces import Configuration

LONGEST_REASON = 500
"""Characters of an error message that are kept in a record."""


@dataclass(frozen=True)
class Job:
    """One configuration to evaluate.

    Attributes:
        number: Returned with the outcome.
        configuration: What to evaluate.
        split: Data to measure on.
        fidelity: Share of the split.
    """

    number: int
    configuration: Configuration
    split: EvaluationSplit = "validation"
    fidelity: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: The job.
        measurement: What was measured; None unless `state` is `done`.
        state: How it ended.
        reason: Why it is not done.
        seconds: Its share of the time its batch took.
        worker: Who did it.
    """

    job: Job
    measurement: Measurement | None
    state: Literal["done", "failed", "timed_out"]
    reason: str = ""
    seconds: float = 0.0
    worker: str = ""


class Executor(Protocol):
    """Evaluates jobs; used as a context manager, which stops all work on the way out."""

    @property
    def n_workers(self) -> int:
        """How many jobs it evaluates at the same time."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take in jobs; returns at once."""

    def collect(self) -> list[Outcome]:
        """Wait for at least one outcome; empty if nothing is under way."""

    def cancel(self) -> None:
        """Drop everything that is queued or under way; no outcome will come of it."""

    def __enter__(self) -> Executor:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all work at once."""


def evaluate_jobs(system: System, jobs: Sequence[Job], worker: str) -> list[Outcome]:
    """Evaluate a batch of jobs that agree in split and fidelity.

    If the system raises, each of the jobs is evaluated on its own, so that only the guilty one fails.
    """
    started = time.perf_counter()
    try:
        outcomes = _evaluate_together(system, jobs)
    except (Exception, SystemExit) as error:  # whatever a system raises costs records, never the run
        if len(jobs) > 1:
            return [outcome for job in jobs for outcome in evaluate_jobs(system, [job], worker)]
        outcomes = [failure(jobs[0], error)]
    seconds = (time.perf_counter() - started) / len(jobs)
    return [replace(outcome, seconds=seconds, worker=worker) for outcome in outcomes]


def failure(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job whose evaluation raised."""
    text = f"{type(error).__name__}: {error}"
    return Outcome(job, None, "failed", text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "...")


def _evaluate_together(system: System, jobs: Sequence[Job]) -> list[Outcome]:
    configurations = [job.configuration for job in jobs]
    measurements = system.evaluate(configurations, jobs[0].split, jobs[0].fidelity)
    if len(measurements) != len(jobs):
        raise ValueError(f"{len(measurements)} measurements for {len(jobs)} configurations")
    return [_checked(job, measurement) for job, measurement in zip(jobs, measurements, strict=True)]


def _checked(job: Job, measurement: Measurement) -> Outcome:
    """All numbers as plain floats, those of single clips rounded; NaN and infinity stop here."""
    parts = [
        {name: float(value) for name, value in part.items()}
        for part in (measurement.metrics, measurement.activity, measurement.standard_errors)
    ]
    wild = next(
        (f"{name} is {value}" for part in parts for name, value in part.items() if not math.isfinite(value)), ""
    )
    if wild:
        return Outcome(job, None, "failed", wild)
    metrics, activity, errors = parts
    return Outcome(job, Measurement(metrics, activity, errors, checked_clips(measurement.clips)), "done")
