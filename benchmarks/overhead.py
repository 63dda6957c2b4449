"""The framework's own time per trial, early and late in a run, and the time to open a long run.

    python -m benchmarks.overhead [--trials 20000] [--json]

Everything but the evaluation counts: asking, costing, recording, telling. Claims: below 1 ms a trial at trial 100, at
most 1.5 times that at trial 20,000; `front` opens a run of 20,000 trials within 2 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from search.display.progress import Quiet
from search.run import carry_out
from search.run_directory import RunDirectory
from search.study import Study

WINDOW = 200
"""Trials over which a figure is the mean."""


class Stopwatch(Quiet):
    """Notes when each batch was done."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        """Note the end of a batch."""
        if front_size >= 0:
            self.marks.append((done, time.perf_counter()))

    def ms_per_trial(self, first: int, last: int) -> float:
        """Mean time a trial between two trial numbers."""
        inside = [mark for mark in self.marks if first <= mark[0] <= last]
        (n0, t0), (n1, t1) = inside[0], inside[-1]
        return 1000 * (t1 - t0) / (n1 - n0)


def study(trials: int) -> Study:
    """NSGA-II over the toy system, evaluated in this process."""
    return Study.from_dict(
        {
            "name": "overhead",
            "system": "benchmarks.toy:SYSTEM",
            "space": {"bit_widths": {"choices": [2, 3, 4, 5, 6, 7, 8]}},
            "objectives": ["error_rate", "model_bytes"],
            "optimizer": {"name": "nsga2", "population": 50},
            "budget": {"trials": trials},
            "executor": "serial",
        }
    )


def measure(trials: int) -> dict[str, float]:
    """Run the study once and open it thrice."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch()
        directory = RunDirectory(Path(folder) / "run")
        started = time.perf_counter()
        carry_out(study(trials), directory, resume=False, fresh=False, monitor=watch)
        total = time.perf_counter() - started
        return {
            "ms_per_trial_at_100": watch.ms_per_trial(100, 100 + WINDOW),
            "ms_per_trial_at_end": watch.ms_per_trial(trials - WINDOW, trials),
            "total_s": total,
            "journal_bytes_per_trial": directory.journal.stat().st_size / trials,
            "open_front_s": statistics.median(_open_seconds(directory.path) for _ in range(3)),
        }


def _open_seconds(path: Path) -> float:
    """Wall time of `python -m search front`, start of Python included."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "search", "front", str(path), "--json"], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.trials)
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:28s} {value:.3f}")


if __name__ == "__main__":
    main()
