"""The contract that every executor keeps, and what processes add: isolation and timeouts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from toy_systems import Toy

from evaluators.contract import CompleteSystem
from evaluators.errors import EvaluationError
from evaluators.system import System
from search.errors import RunError
from search.executors import Executor, Job, Outcome, ProcessExecutor, SerialExecutor
from search.executors.batches import BatchSize, same_data
from search.executors.ray_executor import RayExecutor, WorkerNeeds
from search.executors.shipment import pack
from search.ray_cluster import ClusterSpec


def toy(**options: Any) -> System:
    """Importable, so that workers can make it."""
    return CompleteSystem(Toy(knobs=2, **options), "toy")


def unprepared(**options: Any) -> System:
    raise EvaluationError("the weights are gone")


def dying_in_preparation() -> System:
    os._exit(3)


def serial(timeout_s: float = 60.0, retries: int = 0, **options: Any) -> Executor:
    return SerialExecutor(toy(**options))


def processes(timeout_s: float = 60.0, retries: int = 0, n_workers: int = 1, **options: Any) -> Executor:
    return ProcessExecutor(partial(toy, **options), n_workers, timeout_s, retries)


def on_ray(timeout_s: float = 60.0, retries: int = 0, n_workers: int = 1, **options: Any) -> Executor:
    factory = partial(toy, **options)
    cluster = ClusterSpec(timeout_s=5.0)  # the one that the fixture has joined
    return RayExecutor(partial(pack, factory(), factory), WorkerNeeds(), n_workers, timeout_s, retries, cluster)


@pytest.fixture(params=[serial, processes, on_ray])
def make(request: pytest.FixtureRequest) -> Any:
    if request.param is on_ray:
        request.getfixturevalue("ray_cluster")
    return request.param


def jobs(*bits: int, split: Any = "validation") -> list[Job]:
    """One job for each width of the first knob; 2 bits are the guilty ones."""
    return [Job(i, {"bit_widths.k0": b, "bit_widths.k1": 8}, split) for i, b in enumerate(bits)]


def outcomes(executor: Executor, submitted: Sequence[Job]) -> list[Outcome]:
    """All outcomes, by job number."""
    executor.submit(submitted)
    found: list[Outcome] = []
    while len(found) < len(submitted):
        some = executor.collect()
        assert some, "an executor with work under way always has an outcome"
        found += some
    assert executor.collect() == []
    return sorted(found, key=lambda outcome: outcome.job.number)


def test_every_job_has_one_outcome(make: Any) -> None:
    submitted = [*jobs(3, 4, 5), Job(3, {"bit_widths.k0": 6, "bit_widths.k1": 2}, "test")]
    with make() as executor:
        found = outcomes(executor, submitted)
        again = outcomes(executor, jobs(7))
    assert [o.job for o in found] == submitted
    assert all(o.state == "done" and o.seconds >= 0 and o.worker for o in found)
    # (2^-3 + 2 * 2^-8) / 2
    assert found[0].measurement is not None
    assert found[0].measurement.metrics["error_rate"] == (1 / 8 + 2 / 256) / 2
    assert found[0].measurement.standard_errors == {"error_rate": 0.01}
    assert again[0].state == "done"


def test_nothing_submitted_nothing_collected(make: Any) -> None:
    with make() as executor:
        assert executor.collect() == []
        executor.submit([])
        assert executor.collect() == []


def test_only_the_guilty_configuration_pays(make: Any) -> None:
    reasons = {
        "raise": "ValueError: no such filter",
        "picky": "PickyError: hard",
        "memory": "MemoryError: out of memory",
        "timeout_error": "TimeoutError: the device does not answer",
        "sys_exit": "SystemExit: 3",
        "nan": "error_rate is nan",
        "short": "SystemContractError: toy: evaluate returned 0 measurements for 1 configurations",
    }
    for fault, reason in reasons.items():
        if make is not serial and fault not in ("picky", "timeout_error", "sys_exit"):
            continue  # the same code as in the serial executor; a worker takes its time to start
        with make(fault=fault) as executor:
            found = outcomes(executor, jobs(8, 4, 2, 5, 6, 7, 3, 2, 8))
        assert [o.state for o in found] == ["failed" if o.job.number in (2, 7) else "done" for o in found]
        assert {o.reason for o in found if o.state == "failed"} == {reason}
        assert all(o.measurement is None for o in found if o.state == "failed")


def test_cancelled_jobs_have_no_outcome(make: Any) -> None:
    with make(sleep_ms=20) as executor:
        executor.submit(jobs(*[4] * 50))
        first = executor.collect()
        executor.cancel()
        assert executor.collect() == []
        after = outcomes(executor, jobs(5))
    assert 1 <= len(first) < 50
    assert after[0].job.configuration["bit_widths.k0"] == 5


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("exit", "failed", "the worker died (exit code 3), 1 times"),
        ("sigkill", "failed", "the worker died (SIGKILL), 1 times"),
        ("sigsegv", "failed", "the worker died (SIGSEGV), 1 times"),
        ("hang", "timed_out", "no answer within 1 s, 1 times"),
    ],
)
def test_a_worker_that_dies_or_hangs_costs_only_the_guilty_configuration(fault: str, state: str, reason: str) -> None:
    with processes(fault=fault, timeout_s=1.0, n_workers=2) as executor:
        found = outcomes(executor, jobs(8, 4, 2, 5, 6, 7))
    assert [(o.state, o.reason) for o in found if o.job.number == 2] == [(state, reason)]
    assert all(o.state == "done" for o in found if o.job.number != 2)


def test_a_loss_is_tried_again_as_often_as_asked(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    with processes(fault="exit", retries=2, calls=str(calls)) as executor:
        (outcome,) = outcomes(executor, jobs(2))
    assert (outcome.state, outcome.reason) == ("failed", "the worker died (exit code 3), 3 times")
    assert len(calls.read_text().splitlines()) == 3


def test_what_raises_is_not_tried_again(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    with processes(fault="raise", retries=2, calls=str(calls)) as executor:
        (outcome,) = outcomes(executor, jobs(2))
    assert outcome.reason == "ValueError: no such filter"
    assert len(calls.read_text().splitlines()) == 1


def test_a_system_that_cannot_be_prepared_fails_every_job_with_the_reason() -> None:
    with ProcessExecutor(unprepared, 1, 60.0, 1) as executor:
        found = outcomes(executor, jobs(4, 5))
    assert {o.reason for o in found} == {"EvaluationError: the weights are gone"}


def test_workers_that_die_in_preparation_end_the_run() -> None:
    with (
        ProcessExecutor(dying_in_preparation, 2, 60.0, 1) as executor,
        pytest.raises(RunError, match="the worker processes die before they evaluate anything"),
    ):
        outcomes(executor, jobs(4, 5, 6))


def test_a_worker_that_is_killed_while_it_waits_costs_nothing() -> None:
    with processes() as executor:
        (first,) = outcomes(executor, jobs(4))
        os.kill(int(first.worker.split()[1]), 9)
        time.sleep(0.3)
        (second,) = outcomes(executor, jobs(5))
    assert (second.state, first.worker != second.worker) == ("done", True)


def test_a_worker_keeps_to_one_core_and_off_the_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    with ProcessExecutor(talkative, 1, 60.0, 0) as executor:
        (outcome,) = outcomes(executor, jobs(4))
    assert outcome.measurement is not None
    assert outcome.measurement.metrics == {"error_rate": 1.0}
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "counting threads" in captured.err


class Talkative(Toy):
    def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> Any:
        import numpy as np
        from threadpoolctl import threadpool_info

        print("counting threads")
        np.ones((2, 2)) @ np.ones((2, 2))
        return [{"error_rate": max(pool["num_threads"] for pool in threadpool_info())} for _ in configurations]


def talkative() -> System:
    return CompleteSystem(Talkative(), "talkative")


def test_an_executor_outside_its_context_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="the executor is used outside its context"):
        processes().submit(jobs(4))


def test_batches_grow_until_they_last_as_long_as_wanted() -> None:
    size = BatchSize(target_s=0.5, largest=256)
    assert size.next(100, 2) == 1
    size.learn(1, 0.001)
    assert size.current == 8  # 500 would fit, but growth is limited
    size.learn(8, 0.008)
    assert size.current == 64
    size.learn(64, 0.64)
    assert size.current == 50
    size.learn(50, 100.0)
    assert size.current == 1
    size.learn(1, 0.0)
    assert [size.next(n, 2) for n in (1, 3, 100)] == [1, 2, 8]


def test_a_batch_holds_jobs_of_one_split_only() -> None:
    mixed = jobs(3, 4) + jobs(5, split="test") + jobs(6)
    assert same_data(mixed, 10) == mixed[:2]
    assert same_data(mixed[2:], 10) == mixed[2:3]
    assert same_data(mixed, 1) == mixed[:1]


def test_a_very_long_message_is_cut_short() -> None:
    class Verbose(Toy):
        def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> Any:
            raise ValueError("x" * 10_000)

    with SerialExecutor(CompleteSystem(Verbose(), "verbose")) as executor:
        (outcome,) = outcomes(executor, jobs(4))
    assert 500 <= len(outcome.reason) <= 510
