"""Carries out a toy study that is killed again and again at random moments; a program of its own.

    python killed_runs.py FOLDER OPTIMIZER KILLS

It prints, as JSON, how often the run was killed and how often it came to its end, and whether each end was the one of
a run that nobody interrupted.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from toy_studies import toy_study

from search import Study
from search.run import Run


def main(folder: Path, optimizer: str, n_kills: int) -> None:
    Run.write_report = lambda self: self.directory.report  # type: ignore[method-assign]
    study = toy_study(
        folder,
        {"sleep_ms": 1, "fault": "raise"},
        optimizer={"name": optimizer, **({"startup": 10} if optimizer == "tpe" else {"population": 8})},
        constraints=["model_bytes <= 220"],
        budget={"trials": 50 if optimizer == "tpe" else 120},
    )
    started = time.monotonic()
    attempt(study, folder / "whole", 60.0)
    duration = time.monotonic() - started
    expected = (folder / "whole" / "front.json").read_bytes()

    rng, killed = random.Random(0), 0
    ends: list[bool] = []
    while killed < n_kills or not ends:
        delay = rng.uniform(0.1, 1.1) * duration if killed < n_kills else 60.0
        if attempt(study, folder / "killed", delay):
            ends.append((folder / "killed" / "front.json").read_bytes() == expected)
            shutil.rmtree(folder / "killed")
        else:
            killed += 1
    print(json.dumps({"killed": killed, "ended": len(ends), "all_equal": all(ends)}))


def attempt(study: Study, out: Path, seconds: float) -> bool:
    """Go on with the run for so many seconds at most; whether it came to its end."""
    child = os.fork()
    if child == 0:
        study.run(out, resume=True, quiet=True)
        os._exit(0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0, "the run failed"
            return True
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
