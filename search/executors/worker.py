"""What runs inside a worker process: the system is prepared once, then evaluates batch after batch."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from threadpoolctl import threadpool_limits

from evaluators.system import System
from search.executors.base import Job, Outcome, evaluate_jobs, failure

SystemFactory = Callable[[], System]
"""Makes and prepares the system in a worker; must be picklable."""

_system: System | Exception | None = None


def start(factory: SystemFactory) -> None:
    """Prepare the system once; a failure is kept and told by the first evaluation."""
    global _system
    Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = sys.stderr  # what a system prints must not mix with the answer of a command
    with keeping_to_cores(1):
        try:
            _system = factory()
        except Exception as error:  # told by `evaluate`; raising here would end the pool without a reason
            _system = error


@contextmanager
def keeping_to_cores(n: int) -> Iterator[None]:
    """Limit the threads of this process's libraries: those that are loaded inside, and those that were before."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(n)
    yield
    threadpool_limits(n)  # libraries that were loaded before the variables were set


def _end_with_parent() -> None:
    """End this worker, whatever it is doing, as soon as the parent is gone: killed, it cannot say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def evaluate(jobs: Sequence[Job]) -> list[Outcome]:
    """Nothing is raised from here: an exception might not survive the way to the parent."""
    worker = f"process {os.getpid()}"
    if isinstance(_system, Exception):
        return [replace(failure(job, _system), worker=worker) for job in jobs]
    assert _system is not None, "the worker was not started"
    return evaluate_jobs(_system, jobs, worker)
