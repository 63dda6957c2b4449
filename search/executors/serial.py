"""Evaluates in this process: no isolation and no timeout, but nothing to set up either."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from evaluators.system import System
from search.executors.base import Job, Outcome, evaluate_jobs
from search.executors.batches import BatchQueue


class SerialExecutor:
    """Evaluates one batch at each `collect`.

    Args:
        system: Already prepared.
    """

    n_workers = 1
    WORKER = "serial"

    def __init__(self, system: System) -> None:
        self._system = system
        self._queue = BatchQueue(retries=0)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs."""
        self._queue.submit(jobs)

    def collect(self) -> list[Outcome]:
        """Evaluate the next batch."""
        if not self._queue:
            return []
        outcomes = evaluate_jobs(self._system, self._queue.take(1).jobs, self.WORKER)
        self._queue.size.learn(len(outcomes), sum(outcome.seconds for outcome in outcomes))
        return outcomes

    def cancel(self) -> None:
        """Empty the queue."""
        self._queue.clear()

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
