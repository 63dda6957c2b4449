"""Evaluates in this process: no isolation and no timeout, but nothing to set up either."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType

from evaluators.system import System
from search.executors.base import BatchSize, Job, Outcome, evaluate_jobs, failure, same_data


class SerialExecutor:
    """Evaluates one batch at each `collect`.

    Args:
        system: Already prepared.
    """

    n_workers = 1
    WORKER = "serial"

    def __init__(self, system: System) -> None:
        self._system = system
        self._waiting: deque[Job] = deque()
        self._batch_size = BatchSize()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs."""
        self._waiting.extend(jobs)

    def collect(self) -> list[Outcome]:
        """Evaluate the next batch; if it raises, each of its jobs on its own."""
        if not self._waiting:
            return []
        jobs = same_data(list(self._waiting), self._batch_size.next(len(self._waiting), 1))
        for _ in jobs:
            self._waiting.popleft()
        started = time.perf_counter()
        try:
            outcomes = evaluate_jobs(self._system, jobs, self.WORKER)
        except Exception as error:  # whatever a system raises costs records, never the run
            return [failure(jobs[0], error, self.WORKER)] if len(jobs) == 1 else self._one_by_one(jobs)
        self._batch_size.learn(len(jobs), time.perf_counter() - started)
        return outcomes

    def cancel(self) -> None:
        """Empty the queue."""
        self._waiting.clear()

    def _one_by_one(self, jobs: Sequence[Job]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for job in jobs:
            try:
                outcomes += evaluate_jobs(self._system, [job], self.WORKER)
            except Exception as error:  # see collect
                outcomes.append(failure(job, error, self.WORKER))
        return outcomes

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
