"""Evaluates in worker processes: a crash or a hang costs one job, never the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, TimeoutError, wait
from dataclasses import dataclass
from types import TracebackType

from pebble import ProcessExpired, ProcessPool

from evaluators.system import System
from search.executors.base import BatchSize, Job, Outcome, evaluate_jobs, failure, same_data

SystemFactory = Callable[[], System]
"""Makes and prepares the system in a worker; must be picklable."""


@dataclass(frozen=True)
class Batch:
    """Jobs under way together.

    Attributes:
        jobs: They agree in split and fidelity.
        attempt: How often these jobs were tried on their own before.
    """

    jobs: tuple[Job, ...]
    attempt: int = 0


class ProcessExecutor:
    """Keeps warm workers, each with the system prepared.

    A batch that crashes or hangs is taken apart and its jobs are tried again one by one, so that only the guilty one
    pays. An exception that the system raises is final: it would be raised again.

    Args:
        factory: Makes the prepared system in a worker.
        n_workers: Worker processes.
        timeout_s: Longest time for a single evaluation, and for a batch.
        retries: Further attempts of a single job after a crash or a timeout.
    """

    def __init__(self, factory: SystemFactory, n_workers: int, timeout_s: float, retries: int) -> None:
        self.n_workers = n_workers
        self._factory = factory
        self._timeout_s = timeout_s
        self._retries = retries
        self._batch_size = BatchSize()
        self._waiting: deque[Job] = deque()
        self._retry: deque[Batch] = deque()
        self._running: dict[Future[list[Outcome]], Batch] = {}
        self._pool: ProcessPool | None = None

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs and keep every worker busy."""
        self._waiting.extend(jobs)
        self._dispatch()

    def collect(self) -> list[Outcome]:
        """Wait until some batch ends for good."""
        outcomes: list[Outcome] = []
        while not outcomes and self._running:
            finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in finished:
                outcomes += self._finish(future, self._running.pop(future))
            self._dispatch()
        return outcomes

    def cancel(self) -> None:
        """Empty the queue and end the workers that are busy; the pool starts new ones."""
        self._waiting.clear()
        self._retry.clear()
        for future in self._running:
            future.cancel()
        self._running.clear()

    def _dispatch(self) -> None:
        """Keep one batch running and one waiting for every worker."""
        if self._pool is None:
            raise RuntimeError("the executor is used outside its context")
        while len(self._running) < 2 * self.n_workers and (self._retry or self._waiting):
            batch = self._retry.popleft() if self._retry else self._next_batch()
            future = self._pool.schedule(_evaluate, args=(batch.jobs,), timeout=self._timeout_s)
            self._running[future] = batch

    def _next_batch(self) -> Batch:
        size = self._batch_size.next(len(self._waiting), self.n_workers)
        jobs = same_data(list(self._waiting)[:size], size)
        for _ in jobs:
            self._waiting.popleft()
        return Batch(tuple(jobs))

    def _finish(self, future: Future[list[Outcome]], batch: Batch) -> list[Outcome]:
        try:
            outcomes = future.result()
        except (ProcessExpired, TimeoutError, CancelledError) as error:
            return self._after_loss(batch, error)
        except Exception as error:  # whatever a system raises costs records, never the run
            if len(batch.jobs) == 1:
                return [failure(batch.jobs[0], error, "")]
            self._retry.extend(Batch((job,)) for job in batch.jobs)
            return []
        self._batch_size.learn(len(outcomes), sum(outcome.seconds for outcome in outcomes))
        return outcomes

    def _after_loss(self, batch: Batch, error: BaseException) -> list[Outcome]:
        """The worker is gone: take the batch apart, try a single job again or give it up."""
        self._batch_size.current = 1
        if len(batch.jobs) > 1:
            self._retry.extend(Batch((job,)) for job in batch.jobs)
            return []
        if batch.attempt < self._retries:
            self._retry.append(Batch(batch.jobs, batch.attempt + 1))
            return []
        job, tries = batch.jobs[0], batch.attempt + 1
        if isinstance(error, TimeoutError):
            return [Outcome(job, None, "timed_out", f"no answer within {self._timeout_s:g} s, {tries} times")]
        return [Outcome(job, None, "failed", f"the worker died ({_cause(error)}), {tries} times")]

    def __enter__(self) -> ProcessExecutor:
        self._pool = ProcessPool(
            max_workers=self.n_workers,
            initializer=_start_worker,
            initargs=(self._factory,),
            context=multiprocessing.get_context("spawn"),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()


_worker_system: System | Exception | None = None


def _start_worker(factory: SystemFactory) -> None:
    """Prepare the system once; a failure is kept and told by the first evaluation."""
    global _worker_system
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"  # one core a worker
    try:
        _worker_system = factory()
    except Exception as error:  # told by `_evaluate`; raising here would end the pool without a reason
        _worker_system = error


def _evaluate(jobs: Sequence[Job]) -> list[Outcome]:
    if isinstance(_worker_system, Exception):
        raise _worker_system
    if _worker_system is None:
        raise RuntimeError("the worker was not started")
    return evaluate_jobs(_worker_system, jobs, f"process {os.getpid()}")


def _cause(error: BaseException) -> str:
    code = getattr(error, "exitcode", None)
    if isinstance(code, int) and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}" if code is not None else str(error)
