"""What may happen between machines: nothing finished is lost, nothing counted twice, nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ray_clusters import WAIT_S, RayCluster, wait_until
from toy_systems import Toy

from evaluators.contract import CompleteSystem
from evaluators.errors import EvaluationError
from evaluators.system import System
from search.errors import RunError
from search.executors import Job, Outcome
from search.executors.ray_executor import ClusterWarning, RayExecutor, WorkerNeeds
from search.executors.ray_worker import differences, installed
from search.executors.shipment import pack


def toy(**options: Any) -> System:
    return CompleteSystem(Toy(knobs=2, **options), "toy")


def unprepared() -> System:
    raise EvaluationError("the weights are gone")


class Locked(Toy):
    """Holds what cannot be serialized."""

    def __init__(self) -> None:
        super().__init__(knobs=2)
        self.lock = threading.Lock()


def locked() -> System:
    return CompleteSystem(Locked(), "locked")


class Fatal(Toy):
    """Ends every process that it arrives in."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


def fatal() -> System:
    return CompleteSystem(Fatal(), "fatal")


def executor(
    cluster: RayCluster,
    factory: Callable[[], System],
    *,
    needs: WorkerNeeds | None = None,
    workers: int | None = None,
    timeout_s: float = 60.0,
    retries: int = 0,
    expected: str = "",
) -> RayExecutor:
    needs = needs or WorkerNeeds()
    return RayExecutor(lambda: pack(factory(), factory), needs, workers, timeout_s, retries, cluster.spec, expected)


def jobs(n: int, bits: int = 4) -> list[Job]:
    return [Job(i, {"bit_widths.k0": bits, "bit_widths.k1": 8}) for i in range(n)]


def outcomes(running: RayExecutor, n: int) -> list[Outcome]:
    found: list[Outcome] = []
    while len(found) < n:
        found += running.collect()
    assert running.collect() == []
    return sorted(found, key=lambda outcome: outcome.job.number)


def pids(found: Sequence[Outcome]) -> set[int]:
    return {int(outcome.worker.split()[1]) for outcome in found}


def work_until(running: RayExecutor, is_reached: Callable[[list[Outcome]], bool]) -> list[Outcome]:
    """Evaluate until it has come to that."""
    found: list[Outcome] = []
    deadline = time.monotonic() + WAIT_S
    while not is_reached(found):
        assert time.monotonic() < deadline, "too slow"
        running.submit(jobs(20))
        found += outcomes(running, 20)
    return found


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    """What is told of the cluster; else a warning is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ClusterWarning)
        yield caught


def test_a_killed_worker_costs_nothing_if_it_may_be_tried_again(ray_cluster: RayCluster) -> None:
    with executor(ray_cluster, partial(toy, sleep_ms=20), retries=1) as running:
        running.submit(jobs(60))
        first = running.collect()
        os.kill(min(pids(first)), signal.SIGKILL)
        found = first + outcomes(running, 60 - len(first))
    assert sorted(o.job.number for o in found) == list(range(60))
    assert {o.state for o in found} == {"done"}
    assert len(pids(found)) >= 2


def test_a_lost_node_costs_nothing_and_a_late_one_is_used(
    ray_cluster: RayCluster, told: list[warnings.WarningMessage]
) -> None:
    node = ray_cluster.add_node()
    with executor(ray_cluster, partial(toy, sleep_ms=50)) as running:
        assert running.n_workers == 3
        running.submit(jobs(100))
        found: list[Outcome] = []
        while len(pids(found)) < 3:  # all three work
            found += running.collect()
        ray_cluster.lose_node(node)
        found += outcomes(running, 100 - len(found))
        late = ray_cluster.add_node()
        later = work_until(running, lambda later: len(pids(later) - pids(found)) > 0)
    ray_cluster.lose_node(late)
    assert sorted(o.job.number for o in found) == list(range(100))
    assert {o.state for o in found + later} == {"done"}
    assert [str(w.message).partition(" was ")[2] for w in told] == ["lost; its work goes to others"]


def test_a_hang_is_ended_and_tried_on_another_node(ray_cluster: RayCluster, tmp_path: Path) -> None:
    factory = partial(toy, fault="hang", calls=str(tmp_path / "calls"))
    with executor(ray_cluster, factory, timeout_s=1.0, retries=1) as running:
        running.submit([*jobs(4), Job(4, {"bit_widths.k0": 2, "bit_widths.k1": 8})])
        found = outcomes(running, 5)
    assert [o.state for o in found] == ["done"] * 4 + ["timed_out"]
    assert found[4].reason == "no answer within 1 s, 2 times"


def test_a_worker_that_runs_out_of_memory_costs_one_record(ray_cluster: RayCluster) -> None:
    # What the kernel does to a process that takes too much.
    with executor(ray_cluster, partial(toy, fault="sigkill"), retries=1) as running:
        running.submit([*jobs(4), Job(4, {"bit_widths.k0": 2, "bit_widths.k1": 8})])
        found = outcomes(running, 5)
    assert [o.state for o in found] == ["done"] * 4 + ["failed"]
    assert found[4].reason == "the worker died (out of memory, killed or crashed), 2 times"


@pytest.mark.slow
def test_workers_that_die_of_the_system_end_the_run(ray_cluster: RayCluster) -> None:
    with executor(ray_cluster, fatal) as running:
        running.submit(jobs(2))
        with pytest.raises(RunError, match="the workers die before they evaluate anything"):
            running.collect()


@pytest.mark.slow
def test_a_system_that_cannot_be_serialized_is_prepared_on_each_machine(ray_cluster: RayCluster) -> None:
    assert pack(locked(), locked).reason.startswith("TypeError: cannot pickle '_thread.lock' object")
    with executor(ray_cluster, locked) as running:
        running.submit(jobs(3))
        assert {o.state for o in outcomes(running, 3)} == {"done"}


@pytest.mark.filterwarnings("ignore::search.executors.ray_executor.ClusterWarning")
def test_a_system_that_can_neither_be_sent_nor_prepared_there_is_an_error(ray_cluster: RayCluster) -> None:
    with RayExecutor(lambda: pack(locked(), unprepared), WorkerNeeds(), 1, 9.0, 0, ray_cluster.spec) as running:
        running.submit(jobs(2))
        with pytest.raises(RunError) as caught:
            running.collect()
    told = str(caught.value)
    assert "cannot prepare the system: EvaluationError: the weights are gone" in told
    assert "cannot be serialized: TypeError: cannot pickle '_thread.lock' object" in told
    assert "\n" not in told


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::search.executors.ray_executor.ClusterWarning")
def test_other_weights_on_a_machine_are_an_error(ray_cluster: RayCluster) -> None:
    with executor(ray_cluster, partial(toy, identity="a"), expected="b") as running:
        running.submit(jobs(2))
        with pytest.raises(RunError, match="can work: its weights or data are others"):
            running.collect()


@pytest.mark.slow
def test_a_machine_with_other_versions_is_left_out(
    ray_cluster: RayCluster, tmp_path: Path, told: list[warnings.WarningMessage]
) -> None:
    other = tmp_path / "deap-9.9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: deap\nVersion: 9.9.9\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    node = ray_cluster.add_node(env_vars={"PYTHONPATH": path}, resources={"old": 1})
    with executor(ray_cluster, partial(toy, sleep_ms=20)) as running:
        found = work_until(running, lambda _: len(told) > 0)
    assert {o.state for o in found} == {"done"}
    assert "is left out: it has deap 9.9.9 instead of" in str(told[0].message)
    with executor(ray_cluster, toy, needs=WorkerNeeds(resources={"old": 1})) as running:
        running.submit(jobs(1))
        with pytest.raises(RunError, match=r"can work: it has deap 9\.9\.9 instead of 1\.4"):
            running.collect()
    ray_cluster.lose_node(node)


def test_what_no_machine_has_is_an_error_that_says_what_there_is(ray_cluster: RayCluster) -> None:
    with executor(ray_cluster, toy, needs=WorkerNeeds(1, 1, {"fpga": 2})) as running:
        running.submit(jobs(1))
        started = time.monotonic()
        with pytest.raises(RunError) as caught:
            running.collect()
        assert time.monotonic() - started < 10
    assert "no machine has room for a worker (cpus 1, gpus 1, fpga 2); there are" in str(caught.value)
    assert "CPU 1" in str(caught.value)


def test_workers_take_their_share_of_a_machine() -> None:
    node = {"CPU": 16.0, "GPU": 2.0, "memory": 1e9, "fpga": 3.0}
    assert WorkerNeeds().of_node(node) == 16
    assert WorkerNeeds(cpus=3).of_node(node) == 5
    assert WorkerNeeds(cpus=0.1, gpus=0.25).of_node(node) == 8
    assert WorkerNeeds(resources={"fpga": 1}).of_node(node) == 3
    assert WorkerNeeds(resources={"tpu": 1}).of_node(node) == 0


def test_versions_are_compared_name_by_name() -> None:
    here = installed()
    assert {"python", "torch", "ray", "code of tinypareto"} <= set(here)
    assert differences(here, here) == ""
    assert differences({"a": "1", "b": "2"}, {"a": "1"}) == "b missing instead of 2"


def test_no_worker_outlives_its_executor(ray_cluster: RayCluster) -> None:
    with executor(ray_cluster, partial(toy, fault="hang"), timeout_s=60.0) as running:
        running.submit(jobs(8))
        found = outcomes(running, 8)
        running.submit(jobs(2, bits=2))  # both hang
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids(found)), 10.0)
