"""The default studies as a newcomer runs them, on a fresh cache: what the training takes, and what the search takes.

    python -m benchmarks.default_studies [STUDY ...] [--json]

`python -m search train STUDY`, then `python -m search run STUDY`: wall seconds, cores kept busy, peak memory of each.
Claim, for `nsnet2_exits`: training and search together below ten minutes on two cores, both busy while candidates are
scored.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.command import Taken, measure

STUDIES = ("nsnet2_exits", "uf_schedules", "router_targets", "pruning_ratios", "bam_bits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", default=list(STUDIES), help=", ".join(STUDIES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.json:
        print("study            minutes | training s  cores    MiB | search s  cores    MiB")
    figures = {}
    for study in options.studies:
        training, search = fresh(study)
        figures[study] = {"training": _figures(training), "search": _figures(search)}
        if not options.json:
            minutes = (training.seconds + search.seconds) / 60
            print(f"{study:16s} {minutes:7.1f} | {_columns(training, 10)} | {_columns(search, 8)}", flush=True)
    if options.json:
        print(json.dumps(figures, indent=1))


def fresh(study: str) -> tuple[Taken, Taken]:
    """Training and search of a default study, on an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        path, cache = f"studies/{study}.yaml", Path(folder) / "cache"
        return measure(["train", path], cache), measure(["run", path, "--out", str(Path(folder) / "run")], cache)


def _figures(taken: Taken) -> dict[str, float]:
    return {"seconds": taken.seconds, "cores": taken.cores, "peak_mib": taken.peak_mib}


def _columns(taken: Taken, width: int) -> str:
    return f"{taken.seconds:{width}.0f} {taken.cores:6.2f} {taken.peak_mib:6.0f}"


if __name__ == "__main__":
    main()
