"""Evaluates in worker processes: a crash or a hang costs one job, never the run."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import TracebackType

from pebble import ProcessExpired, ProcessPool

from search.errors import RunError
from search.executors import worker
from search.executors.base import Job, Outcome
from search.executors.batches import Batch, BatchQueue
from search.executors.worker import SystemFactory


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

    BREAKDOWNS = 3
    """Times in a row that all workers may die without having evaluated anything."""

    def __init__(self, factory: SystemFactory, n_workers: int, timeout_s: float, retries: int) -> None:
        self.n_workers = n_workers
        self._factory = factory
        self._timeout_s = timeout_s
        self._queue = BatchQueue(retries)
        self._running: dict[Future[list[Outcome]], Batch] = {}
        self._pool: ProcessPool | None = None
        self._breakdowns = 0

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs and keep every worker busy."""
        self._queue.submit(jobs)
        self._dispatch()

    def collect(self) -> list[Outcome]:
        """Wait until some batch ends for good.

        Raises:
            RunError: If the workers die before they evaluate anything, again and again.
        """
        outcomes: list[Outcome] = []
        while not outcomes and self._running:
            # A pool that broke down may never answer: look after it now and then.
            finished, _ = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                outcomes += self._finish(future, self._running.pop(future))
            if not self._started_pool().active:
                self._start_again()
            self._dispatch()
        if outcomes:
            self._breakdowns = 0
        return outcomes

    def cancel(self) -> None:
        """Empty the queue and end the workers that are busy; the pool starts new ones."""
        self._queue.clear()
        for future in self._running:
            future.cancel()
        self._running.clear()

    def _dispatch(self) -> None:
        """Keep one batch running and one waiting for every worker."""
        while len(self._running) < 2 * self.n_workers and self._queue:
            batch = self._queue.take(self.n_workers)
            try:
                with _uninterrupted():
                    future = self._started_pool().schedule(worker.evaluate, args=(batch.jobs,), timeout=self._timeout_s)
            except RuntimeError:  # the pool broke down while nothing was asked of it
                self._queue.put_back(batch, first=True)
                self._start_again()
            else:
                self._running[future] = batch

    def _finish(self, future: Future[list[Outcome]], batch: Batch) -> list[Outcome]:
        try:
            outcomes = future.result()
        except BrokenProcessPool:  # nobody knows whose fault it was
            self._queue.put_back(batch)
            return []
        except (ProcessExpired, TimeoutError, CancelledError) as error:
            return self._after_loss(batch, error)
        self._queue.size.learn(len(outcomes), sum(outcome.seconds for outcome in outcomes))
        return outcomes

    def _after_loss(self, batch: Batch, error: BaseException) -> list[Outcome]:
        if isinstance(error, TimeoutError):
            return self._queue.after_loss(batch, "timed_out", f"no answer within {self._timeout_s:g} s")
        return self._queue.after_loss(batch, "failed", f"the worker died ({_cause(error)})")

    def _started_pool(self) -> ProcessPool:
        assert self._pool is not None, "the executor is used outside its context"
        return self._pool

    def _start_again(self) -> None:
        """All workers died while none was evaluating: put their batches back and start new ones."""
        self._breakdowns += 1
        if self._breakdowns == self.BREAKDOWNS:
            raise RunError("the worker processes die before they evaluate anything; is there enough memory for them?")
        for batch in self._running.values():
            self._queue.put_back(batch)
        self._running.clear()
        _stop(self._started_pool())
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        pool = ProcessPool(
            max_workers=self.n_workers,
            initializer=worker.start,
            initargs=(self._factory,),
            context=multiprocessing.get_context("spawn"),
        )
        try:
            with _uninterrupted(), _sparing_children_ctrl_c():
                if not pool.active:  # asking starts it
                    raise RunError("the worker processes cannot be started")
        except BaseException:  # Ctrl-C comes through here as soon as it is no longer blocked
            _stop(pool)
            raise
        return pool

    def __enter__(self) -> ProcessExecutor:
        self._pool = self._new_pool()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        if self._pool is not None:
            _stop(self._pool)


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off for a moment: in the middle of a notification between threads it would make it be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C is never delivered here
        return
    deferred: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: deferred.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if deferred:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _sparing_children_ctrl_c() -> Iterator[None]:
    """Block Ctrl-C in the processes and threads started here: a worker still importing would print a traceback."""
    resource_tracker.ensure_running()  # later it would lift the block
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by threads and processes
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _cause(error: BaseException) -> str:
    code = getattr(error, "exitcode", None)
    if isinstance(code, int) and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}" if code is not None else str(error)
