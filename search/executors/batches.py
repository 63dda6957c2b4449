"""Which jobs are evaluated together, and what becomes of them when a worker is lost."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from search.executors.base import Job, Outcome


@dataclass
class BatchSize:
    """How many jobs to evaluate at a time so that a batch lasts about `target_s`.

    Systems are fast on batches, users like to see progress, and a batch that hangs holds up all of its jobs.
    """

    target_s: float = 0.5
    largest: int = 256
    current: int = 1
    _seconds_per_job: float = field(default=0.0, repr=False)

    def learn(self, n_jobs: int, seconds: float) -> None:
        """Take in the time that a batch took; grows by a factor of eight at most."""
        self._seconds_per_job = max(seconds / n_jobs, 1e-9)
        wanted = math.floor(self.target_s / self._seconds_per_job)
        self.current = min(max(wanted, 1), self.current * 8, self.largest)

    def next(self, n_waiting: int, n_workers: int) -> int:
        """Size of the next batch, so that every worker gets a share of what is waiting."""
        return max(1, min(self.current, math.ceil(n_waiting / n_workers)))


@dataclass(frozen=True)
class Batch:
    """Jobs under way together.

    Attributes:
        jobs: They agree in split and fidelity.
        attempt: How often these jobs were tried on their own before.
        losses: How often the machine they were on was lost.
        avoid: Machines where they were lost; others are tried first.
    """

    jobs: tuple[Job, ...]
    attempt: int = 0
    losses: int = 0
    avoid: frozenset[str] = frozenset()


class BatchQueue:
    """Jobs that wait, those to be tried again first.

    A batch that is lost is taken apart and its jobs are tried again one by one, so that only the guilty one pays.

    Args:
        retries: Further attempts of a single job after a loss.
    """

    def __init__(self, retries: int) -> None:
        self.size = BatchSize()
        self._retries = retries
        self._waiting: deque[Job] = deque()
        self._again: deque[Batch] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._again)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue new jobs."""
        self._waiting.extend(jobs)

    def take(self, n_workers: int, place: str = "") -> Batch:
        """The next batch, for a worker in that place; one that was lost there only if there is no other."""
        if self._again:
            chosen = next((b for b in self._again if place not in b.avoid), None)
            if chosen is not None or not self._waiting:
                chosen = chosen or self._again[0]
                self._again.remove(chosen)
                return chosen
        n = self.size.next(len(self._waiting), n_workers)
        jobs = same_data(list(islice(self._waiting, n)), n)
        for _ in jobs:
            self._waiting.popleft()
        return Batch(tuple(jobs))

    def put_back(self, batch: Batch, *, first: bool = False) -> None:
        """Try a batch again as it is: what happened was not its fault."""
        if first:
            self._again.appendleft(batch)
        else:
            self._again.append(batch)

    def after_loss(
        self, batch: Batch, state: Literal["failed", "timed_out"], reason: str, place: str = ""
    ) -> list[Outcome]:
        """Its worker is gone: take the batch apart, try a single job again or give it up."""
        self.size.current = 1
        avoid = batch.avoid | {place} if place else batch.avoid
        if len(batch.jobs) > 1:
            self._again.extend(Batch((job,), 0, batch.losses, avoid) for job in batch.jobs)
            return []
        if batch.attempt < self._retries:
            self._again.append(replace(batch, attempt=batch.attempt + 1, avoid=avoid))
            return []
        return [Outcome(batch.jobs[0], None, state, f"{reason}, {batch.attempt + 1} times")]

    def clear(self) -> None:
        """Forget all jobs."""
        self._waiting.clear()
        self._again.clear()


def same_data(jobs: Sequence[Job], n: int) -> list[Job]:
    """Up to `n` of the first jobs that agree in split and fidelity."""
    first = jobs[0]
    batch = []
    for job in jobs[:n]:
        if (job.split, job.fidelity) != (first.split, first.fidelity):
            break
        batch.append(job)
    return batch
