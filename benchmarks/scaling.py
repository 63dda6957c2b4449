"""How the loop scales: utilization of 1 to 10,000 simulated workers, and the driver's time per record.

    python -m benchmarks.scaling [--trials 20] [--mean 10] [--json]

Workers are simulated (`search.executors.simulated`): evaluations of 10 s in the mean, log-normal with sigma 0.5, 2 % of
them end with the death of the worker, whose successor takes 5 s to start. The loop, NSGA-II, the costs of every
candidate and the journal are real, and what they take passes on the simulated clock. Each worker gets `--trials`
trials; "while there is work" leaves out the end, when the last evaluations run out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.toy import Toy
from evaluators.contract import CompleteSystem
from search.asynchronous import AsynchronousLoop
from search.display.progress import Quiet
from search.evaluation_cache import EvaluationCache
from search.executors.simulated import Durations, SimulatedExecutor
from search.journal import Journal
from search.loop import Problem, SearchLoop
from search.spec import Budget
from search.study import Study

WORKERS = (1, 10, 100, 1000, 10_000)
DISPATCH_S = 0.0002
"""Ray's share of the driver's time per evaluation, see `benchmarks.ray_executor`."""


@dataclass(frozen=True)
class Scaling:
    """One measurement."""

    mode: str
    workers: int
    trials: int
    utilization: float
    utilization_while_fed: float
    driver_ms_per_record: float
    simulated_s: float


def measure(mode: str, workers: int, trials: int, durations: Durations) -> Scaling:
    """Run one search."""
    # A generation of fewer than there are workers leaves some without work.
    population = 50 if mode == "asynchronous" else max(50, workers)
    study = Study.from_dict(
        {
            "name": "scaling",
            "system": "benchmarks.toy:SYSTEM",
            "space": {"bit_widths": {"choices": [2, 3, 4, 5, 6, 7, 8]}},
            "objectives": ["error_rate", "model_bytes"],
            "optimizer": {"name": "nsga2", "population": population},
        }
    )
    executor = SimulatedExecutor(CompleteSystem(Toy(), "toy"), workers, durations)
    problem = Problem(study.system, study.space, study.objectives, (), 0)
    optimizer = study.optimizer()
    kind = AsynchronousLoop if mode == "asynchronous" else SearchLoop
    with tempfile.TemporaryDirectory() as folder, executor:
        journal = Journal(Path(folder) / "trials.jsonl")
        loop = kind(problem, executor, journal, EvaluationCache(Path(folder), ""), {}, Quiet())
        loop.search(optimizer, Budget(trials=trials))
        journal.close()
    utilization, while_fed = executor.utilization(executor.now), executor.utilization(executor.fed)
    driver = 1000 * executor.driver / executor.n_done
    return Scaling(mode, workers, trials, utilization, while_fed, driver, executor.now)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="per worker")
    parser.add_argument("--most", type=int, default=100_000, help="trials of a run")
    parser.add_argument("--mean", type=float, default=10.0, help="seconds of an evaluation")
    parser.add_argument("--workers", type=int, nargs="*", default=WORKERS)
    parser.add_argument("--modes", nargs="*", default=("asynchronous", "generations"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    durations = Durations(mean_s=options.mean, dispatch_s=DISPATCH_S)
    found = []
    if not options.json:
        print("mode            workers   trials  utilization  while there is work  driver ms/record")
    for mode in options.modes:
        for workers in options.workers:
            figures = measure(mode, workers, min(max(options.trials * workers, 200), options.most), durations)
            found.append(asdict(figures))
            if not options.json:
                print(
                    f"{mode:14} {workers:7,} {figures.trials:8,} {figures.utilization:12.1%} "
                    f"{figures.utilization_while_fed:20.1%} {figures.driver_ms_per_record:17.3f}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
