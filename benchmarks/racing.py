"""What racing saves and what it costs: one study with and without it, at equal numbers of trials.

    python -m benchmarks.racing [STUDY] [--shares 0.25] [--seeds 3] [--set KEY=VALUE ...] [--json]

STUDY is studies/nsnet2_exits.yaml unless told otherwise. Trains once, in a cache of its own; every run then starts
without measurements and scores of earlier ones. Printed for each, medians over the seeds of the optimizer: wall and
processor seconds of all processes, trials that were dropped, and the hypervolume of the front on validation.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.command import measure
from search.run import Run

STUDY = "studies/nsnet2_exits.yaml"
MEASURED = ("evaluations", "speech_scores.jsonl")
"""Of a cache: what earlier runs have measured."""
Row = dict[str, float]


def raced(study: str, assignments: Sequence[str], cache: Path, out: Path) -> Row:
    """A run on a cache that holds trained weights and nothing measured."""
    for name in MEASURED:
        for path in [cache / name, *(cache / name).glob("*")]:
            if path.is_file():
                path.unlink()
    overrides = [part for assignment in assignments for part in ("--set", assignment)]
    taken = measure(["run", study, "--out", str(out), *overrides], cache)
    document = Run.open(out).front()
    return {
        "wall_s": taken.seconds,
        "processor_s": taken.processor_seconds,
        "trials": document["n_trials"],
        "dropped": document["states"].get("pruned", 0),
        "hypervolume": document["hypervolume"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default=STUDY)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ways = {"all data": [], "raced": options.shares}
    rows: dict[str, list[Row]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        overrides = [part for assignment in options.assignments for part in ("--set", assignment)]
        measure(["train", options.study, *overrides], cache)
        for seed in range(options.seeds):
            for way, shares in ways.items():
                chosen = [*options.assignments, f"optimizer.seed={seed}", f"racing={{shares: {shares}}}"]
                rows[way].append(raced(options.study, chosen, cache, Path(folder) / f"{way} {seed}"))
    medians = {way: {name: median(row[name] for row in found) for name in found[0]} for way, found in rows.items()}
    if options.json:
        print(json.dumps({"medians": medians, "runs": rows}, indent=1))
        return
    print("             wall s  processor s  trials  dropped  hypervolume")
    for way, row in medians.items():
        print(
            f"{way:10s} {row['wall_s']:8.0f} {row['processor_s']:12.0f} {row['trials']:7.0f} {row['dropped']:8.0f} "
            f"{row['hypervolume']:12.3f}"
        )


if __name__ == "__main__":
    main()
