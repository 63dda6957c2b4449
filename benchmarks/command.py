"""A command of the project as a user runs it, in processes of its own, and what it took."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Taken:
    """What a command took: wall seconds, processor seconds of all its processes, and the most they held together."""

    seconds: float
    processor_seconds: float
    peak_mib: float

    @property
    def cores(self) -> float:
        """Cores kept busy, on average."""
        return self.processor_seconds / self.seconds


def measure(arguments: list[str], cache: Path) -> Taken:
    """Runs `python -m search` with these arguments on this cache; its exit code other than 0 ends the benchmark."""
    environment = {**os.environ, "TINYPARETO_CACHE": str(cache)}
    before = _processor_seconds_of_children()
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "search", *arguments], env=environment, stdout=subprocess.DEVNULL)
    peak = _PeakMemory(process.pid)
    peak.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    peak.stop()
    if code:
        raise SystemExit(f"search {' '.join(arguments)} ended with {code}")
    return Taken(seconds, _processor_seconds_of_children() - before, peak.mib)


def _processor_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _PeakMemory(threading.Thread):
    """Sums the memory of a process tree, ten times a second (Linux)."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._done = threading.Event()
        self.mib = 0.0

    def run(self) -> None:
        while not self._done.wait(0.1):
            self.mib = max(self.mib, sum(_proportional_kib(pid) for pid in _tree(self._root)) / 1024)

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


def _proportional_kib(pid: int) -> int:
    """Proportional set size: pages shared by several processes are divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
