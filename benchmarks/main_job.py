"""The main job as a newcomer runs it: seconds and memory of `python -m search run studies/gru_bits.yaml`.

    python -m benchmarks.main_job [--json]

First with an empty cache (training included), then 1,000 trials once the network is trained, measurements not kept.
Claims: the first within three minutes, the second below 60 s, peak memory of all processes together below 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.command import measure

STUDY = "studies/gru_bits.yaml"
TRIALS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache, out = Path(folder) / "cache", Path(folder)
        first = measure(["run", STUDY, "--out", str(out / "first")], cache)
        for kept in (cache / "evaluations").glob("*"):
            kept.unlink()
        again = measure(["run", STUDY, "--out", str(out / "again"), "--trials", str(TRIALS)], cache)
    figures = {
        "first_run_s": first.seconds,
        "first_run_peak_mib": first.peak_mib,
        "trained_run_s": again.seconds,
        "trained_run_peak_mib": again.peak_mib,
        "trained_run_trials": TRIALS,
    }
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:22s} {value:,.1f}")


if __name__ == "__main__":
    main()
