"""Workers on paper: their clock, their failures, and what a driver's time does to them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from toy_systems import Toy

from evaluators.contract import CompleteSystem
from search.executors import Job
from search.executors.simulated import Durations, SimulatedExecutor


def simulated(n_workers: int, durations: Durations, step_s: float = 0.0) -> SimulatedExecutor:
    """On a clock on which the driver takes `step_s` whenever it is looked at."""
    ticks = itertools.count()
    system = CompleteSystem(Toy(knobs=2), "toy")
    return SimulatedExecutor(system, n_workers, durations, clock=lambda: step_s * next(ticks))


def jobs(n: int) -> list[Job]:
    return [Job(i, {"bit_widths.k0": 4, "bit_widths.k1": 8}) for i in range(n)]


def run(executor: SimulatedExecutor, n: int) -> list[int]:
    found = []
    with executor:
        executor.submit(jobs(n))
        while outcomes := executor.collect():
            found += [outcome.job.number for outcome in outcomes]
    return found


def test_equal_durations_by_hand() -> None:
    # Five jobs of 2 s on two workers: 0-2, 2-4 on both, 4-6 on one. 10 s of work in 2 x 6 s.
    executor = simulated(2, Durations(2.0, sigma=0.0, failures=0.0))
    assert run(executor, 5) == [0, 1, 2, 3, 4]
    assert executor.now == 6.0
    assert executor.utilization(6.0) == pytest.approx(10 / 12)
    assert executor.fed == 2.0
    assert executor.utilization(4.0) == 1.0


def test_a_dead_worker_is_replaced_and_its_job_has_failed() -> None:
    executor = simulated(1, Durations(2.0, sigma=0.0, failures=1.0, restart_s=3.0))
    with executor:
        executor.submit(jobs(3))
        states = [outcome.state for _ in range(3) for outcome in executor.collect()]
    # 0-2, then 5-7, then 10-12.
    assert states == ["failed"] * 3
    assert executor.now == 12.0


def test_a_slow_driver_leaves_workers_idle() -> None:
    fast = simulated(10, Durations(1.0, sigma=0.0, failures=0.0))
    slow = simulated(10, Durations(1.0, sigma=0.0, failures=0.0, dispatch_s=0.5))
    run(fast, 100)
    run(slow, 100)
    assert fast.utilization(fast.now) == pytest.approx(1.0)
    # Half a second each: 50 s of the driver for 100 s of work, on ten workers.
    assert slow.utilization(slow.now) < 0.2
    assert slow.driver == pytest.approx(50.0)


def test_durations_are_log_normal_with_that_mean_and_do_not_depend_on_the_worker() -> None:
    durations = Durations(10.0, sigma=0.5, failures=0.02, stragglers=0.0)
    drawn = [durations.draw(0, i) for i in range(20_000)]
    seconds = np.array([s for s, _ in drawn])
    assert seconds.mean() == pytest.approx(10.0, rel=0.02)
    assert np.log(seconds).std() == pytest.approx(0.5, rel=0.02)
    assert np.mean([failed for _, failed in drawn]) == pytest.approx(0.02, abs=0.005)
    assert durations.draw(0, 7) == drawn[7]
    assert Durations(10.0, sigma=0.0, stragglers=1.0, slowdown=7.0).draw(0, 0)[0] == pytest.approx(70.0)


def test_cancelled_jobs_have_no_outcome() -> None:
    executor = simulated(2, Durations(1.0))
    with executor:
        executor.submit(jobs(10))
        executor.collect()
        executor.cancel()
        assert executor.collect() == []
        executor.submit(jobs(1))
        assert len(executor.collect()) == 1
