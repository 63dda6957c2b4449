"""Ray on this machine: gain of a second worker, and the driver's and Ray's time per candidate.

    python -m benchmarks.ray_executor [--asleep] [--json]

With `--asleep` evaluations wait instead of computing: the gain is then Ray's and ours alone, whatever else is running.

Claims: two workers on two cores give at least 1.7 times the throughput of one, for evaluations of 20 ms or more;
dispatching costs less than 5 ms a candidate, measured with evaluations that take no time. The start of the cluster and
of the workers is not part of either, and reported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.toy import Toy
from evaluators.contract import CompleteSystem
from evaluators.system import EvaluationSplit, Measurement, System
from search.executors import Job
from search.executors.ray_executor import RayExecutor, WorkerNeeds
from search.executors.shipment import pack
from search.ray_cluster import ClusterSpec, connected
from spaces import Configuration

ROUNDS = 3


class Busy(Toy):
    """Takes so much processor time for each candidate."""

    def __init__(self, evaluation_ms: float, asleep: bool) -> None:
        self._seconds = evaluation_ms / 1000
        self._asleep = asleep

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> list[Measurement]:
        """Computes until the time is used up, then answers."""
        if self._asleep:
            time.sleep(self._seconds * len(configurations))
            return super().evaluate(configurations, split, fidelity)
        end = time.process_time() + self._seconds * len(configurations)
        while time.process_time() < end:
            sum(range(1000))
        return super().evaluate(configurations, split, fidelity)


def system(evaluation_ms: float, asleep: bool) -> System:
    return CompleteSystem(Busy(evaluation_ms, asleep) if evaluation_ms else Toy(), "busy")


def candidates(n: int) -> list[Job]:
    configuration = {f"bit_widths.op{i}": 4 for i in range(17)}
    return [Job(i, configuration) for i in range(n)]


def seconds(executor: RayExecutor, n: int) -> float:
    """Time to evaluate so many candidates."""
    started = time.perf_counter()
    executor.submit(candidates(n))
    done = 0
    while done < n:
        done += len(executor.collect())
    return time.perf_counter() - started


def measure(evaluation_ms: float, n_workers: int, n: int, asleep: bool) -> tuple[float, float]:
    """Median time of some rounds once all workers are warm, and the time until they were."""
    factory = partial(system, evaluation_ms, asleep)
    started = time.perf_counter()
    shipment = partial(pack, factory(), factory)
    with RayExecutor(shipment, WorkerNeeds(), n_workers, 60.0, 0, ClusterSpec()) as executor:
        while executor.n_ready < n_workers:
            seconds(executor, 2 * n_workers)
        warm = time.perf_counter() - started
        seconds(executor, n)  # the size of batches settles
        return statistics.median(seconds(executor, n) for _ in range(ROUNDS)), warm


def figures(asleep: bool) -> Mapping[str, float]:
    found: dict[str, float] = {}
    with connected(ClusterSpec("local", n_cpus=2)) as connection:
        found["cluster_start_s"] = connection.seconds
        for evaluation_ms in (20.0, 100.0):
            n = round(3000 / evaluation_ms)
            one, warm = measure(evaluation_ms, 1, n, asleep)
            two, _ = measure(evaluation_ms, 2, n, asleep)
            found["workers_start_s"] = warm
            found[f"two_workers_{evaluation_ms:g}_ms"] = one / two
            found[f"one_worker_{evaluation_ms:g}_ms_per_candidate"] = 1000 * one / n
        empty, _ = measure(0.0, 2, 5000, asleep)
        found["dispatch_ms_per_candidate"] = 1000 * empty / 5000
        single, _ = measure(0.0, 1, 1, asleep)
        found["dispatch_ms_of_a_single_candidate"] = 1000 * single
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asleep", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = figures(options.asleep)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:40s} {value:.3f}")


if __name__ == "__main__":
    main()
