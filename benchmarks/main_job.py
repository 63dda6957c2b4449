"""The main job as a newcomer runs it: seconds and memory of `python -m search run studies/gru_bits.yaml`.

    python -m benchmarks.main_job [--json]

First with an empty cache (training included), then 1,000 trials once the network is trained, measurements not kept.
Claims: the first within three minutes, the second below 60 s, peak memory of all processes together below 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STUDY = "studies/gru_bits.yaml"
TRIALS = 1000


def measure(arguments: list[str], cache: Path) -> tuple[float, float]:
    """Wall seconds, and peak resident MiB of the process and its children together."""
    environment = {**os.environ, "TINYPARETO_CACHE": str(cache)}
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "search", *arguments], env=environment, stdout=subprocess.DEVNULL)
    peak = _PeakMemory(process.pid)
    peak.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    peak.stop()
    if code:
        raise SystemExit(f"the run ended with {code}")
    return seconds, peak.mib


class _PeakMemory(threading.Thread):
    """Sums the resident memory of a process tree, ten times a second (Linux); shared pages count once a process."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._done = threading.Event()
        self.mib = 0.0

    def run(self) -> None:
        while not self._done.wait(0.1):
            self.mib = max(self.mib, sum(_resident_kib(pid) for pid in _tree(self._root)) / 1024)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _tree(root: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{root}/task").iterdir()
        children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except OSError:
        return []
    return [root, *(pid for child in children for pid in _tree(child))]


def _resident_kib(pid: int) -> int:
    """Proportional set size: pages shared by several processes are divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache, out = Path(folder) / "cache", Path(folder)
        first, first_mib = measure(["run", STUDY, "--out", str(out / "first")], cache)
        for kept in (cache / "evaluations").glob("*"):
            kept.unlink()
        again, again_mib = measure(["run", STUDY, "--out", str(out / "again"), "--trials", str(TRIALS)], cache)
    figures = {
        "first_run_s": first,
        "first_run_peak_mib": first_mib,
        "trained_run_s": again,
        "trained_run_peak_mib": again_mib,
        "trained_run_trials": TRIALS,
    }
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:22s} {value:,.1f}")


if __name__ == "__main__":
    main()
