"""An executor whose workers exist on paper: known durations, failures and stragglers, on a clock of its own.

With it the loop is measured at any number of workers. The clock runs with the driver: whatever the loop really takes
between two answers passes on it, too, so that workers who wait for the driver show as idle.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from evaluators.system import System
from search.executors.base import Job, Outcome, evaluate_jobs


@dataclass(frozen=True)
class Durations:
    """How long evaluations take, and what goes wrong.

    Attributes:
        mean_s: Mean duration.
        sigma: Of its logarithm; 0 for always the same.
        failures: Share of evaluations at the end of which the worker dies.
        restart_s: Until another worker is in its place.
        stragglers: Share of evaluations that take `slowdown` times as long.
        slowdown: How much longer these take.
        dispatch_s: Driver's time to hand over one evaluation and take in its answer, beside the loop's own.
    """

    mean_s: float = 10.0
    sigma: float = 0.5
    failures: float = 0.02
    restart_s: float = 5.0
    stragglers: float = 0.0
    slowdown: float = 10.0
    dispatch_s: float = 0.0

    def draw(self, seed: int, number: int) -> tuple[float, bool]:
        """Duration of a job and whether its worker dies; the same whoever does it, and when."""
        rng = np.random.default_rng((seed, number))
        # The mean of a log-normal is exp(mu + sigma^2 / 2).
        seconds = self.mean_s * math.exp(self.sigma * rng.standard_normal() - self.sigma**2 / 2)
        is_straggler, is_failure = rng.random(2) < (self.stragglers, self.failures)
        return seconds * (self.slowdown if is_straggler else 1.0), bool(is_failure)


class SimulatedExecutor:
    """See above. What a job measures is real: the system's own answer, worked out off the clock.

    Args:
        system: Prepared; should answer at once.
        n_workers: On paper.
        durations: Of the evaluations.
        seed: Of what is drawn.
        clock: Tells what the driver takes; processor time does not depend on what else runs on the machine.

    Attributes:
        now: Seconds on the clock.
        fed: Seconds on the clock when somebody was last waiting for a worker.
        driver: Seconds that the loop and its dispatching took.
        n_done: Answers given.
    """

    def __init__(
        self,
        system: System,
        n_workers: int,
        durations: Durations,
        seed: int = 0,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._system = system
        self._n_workers = n_workers
        self._durations = durations
        self._seed = seed
        self._clock = clock
        self._waiting: deque[Job] = deque()
        self._running: list[tuple[float, int, Job, float, bool]] = []
        self._back: list[float] = [0.0] * n_workers
        self._left = self._clock()
        self._spans: list[tuple[float, float]] = []
        self.now = self.fed = self.driver = 0.0
        self.n_done = 0

    @property
    def n_workers(self) -> int:
        """On paper."""
        return self._n_workers

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs and give one to each worker who is there and free."""
        self._tick()
        self._waiting.extend(jobs)
        self._start()
        self._left = self._clock()

    def collect(self) -> list[Outcome]:
        """Answers that have come while the driver was busy, else the next one, as soon as it comes."""
        self._tick()
        self._start()
        if self._waiting and not self._running:  # all workers are being replaced
            self.now = self._back[0]
            self._start()
        if not self._running:
            return []
        # A worker that comes back before the next answer is given its work at that moment.
        while self._waiting and self._back and self._back[0] < self._running[0][0]:
            self.now = max(self.now, self._back[0])
            self._start()
        self.now = max(self.now, self._running[0][0])
        finished = []
        while self._running and self._running[0][0] <= self.now:
            finished.append(heapq.heappop(self._running))
        outcomes = [self._outcome(*event) for event in finished]
        spent = self._durations.dispatch_s * len(outcomes)
        self.now += spent
        self.driver += spent
        self._start()
        if self._waiting:
            self.fed = self.now
        self._left = self._clock()
        return outcomes

    def cancel(self) -> None:
        """Drop everything; whoever was busy is free again."""
        self._waiting.clear()
        self._back += [self.now] * len(self._running)
        self._running.clear()

    def utilization(self, until: float) -> float:
        """Share of the workers' time, up to some moment on the clock, in which they were evaluating."""
        busy = sum(max(0.0, min(end, until) - start) for start, end in self._spans)
        return busy / (self._n_workers * until) if until else 0.0

    def _tick(self) -> None:
        """Let what the driver did since the last call pass on the clock."""
        spent = self._clock() - self._left
        self.now += spent
        self.driver += spent

    def _start(self) -> None:
        while self._waiting and self._back and self._back[0] <= self.now:
            heapq.heappop(self._back)
            job = self._waiting.popleft()
            seconds, is_failure = self._durations.draw(self._seed, job.number)
            self._spans.append((self.now, self.now + seconds))
            heapq.heappush(self._running, (self.now + seconds, job.number, job, seconds, is_failure))

    def _outcome(self, end: float, number: int, job: Job, seconds: float, is_failure: bool) -> Outcome:
        self.n_done += 1
        heapq.heappush(self._back, end + (self._durations.restart_s if is_failure else 0.0))
        if is_failure:
            return Outcome(job, None, "failed", "the worker died (simulated), 1 times", seconds, "simulated")
        (outcome,) = evaluate_jobs(self._system, [job], "simulated")
        return Outcome(job, outcome.measurement, outcome.state, outcome.reason, seconds, "simulated")

    def __enter__(self) -> SimulatedExecutor:
        self._left = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
