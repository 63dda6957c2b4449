"""Evaluates in this process: no isolation and no timeout, but nothing to set up either."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import TracebackType

from evaluators.system import System
from search.executors.base import BatchSize, Job, Outcome, evaluate_jobs, same_data


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
        """Evaluate the next batch."""
        if not self._waiting:
            return []
        jobs = same_data(list(self._waiting), self._batch_size.next(len(self._waiting), 1))
        for _ in jobs:
            self._waiting.popleft()
        outcomes = evaluate_jobs(self._system, jobs, self.WORKER)
        self._batch_size.learn(len(jobs), sum(outcome.seconds for outcome in outcomes))
        return outcomes

    def cancel(self) -> None:
        """Empty the queue."""
        self._waiting.clear()

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
