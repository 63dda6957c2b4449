"""Our guided search against the well-known optimizers, at equal numbers of unique evaluations.

    python -m benchmarks.race [--out DIR] [--groups gru toy general further held-out speech] [--problems digits ...]
        [--contestants guided "Optuna TPE" ...] [--seeds 11] [--evaluations N] [--tables DIR] [--plot FILE]

Results are appended to DIR/results.jsonl (benchmarks/race/results, unless told otherwise), so that an interrupted race
goes on where it stopped: what is there is not run again; delete lines to have them measured anew. Evaluations are kept
in --memory, and no contestant repeats what another has measured. Repeats are answered and not counted. `--tables`
writes medians and quartiles of what is there, `--plot` draws them, and with `--seeds 0` nothing else is done. Studies
on data look under TINYPARETO_DATA.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.race.entries import CONTESTANTS, GROUPS, PROBLEMS
from benchmarks.race.results import Results
from benchmarks.race.running import make_reference, run_missing
from evaluators.storage import cache_root

KEPT = Path(__file__).parent / "results"
"""Results that are committed."""
REFERENCED = {"gru", "speech", "toy"}
"""Groups whose tables are in per cent of a reference front."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=KEPT, help="folder of the results")
    parser.add_argument("--memory", type=Path, default=cache_root() / "race", help="folder of the evaluations")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="PROBLEM")
    parser.add_argument("--contestants", nargs="*", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=11)
    parser.add_argument("--evaluations", type=int, help="at most so many")
    parser.add_argument("--references", action="store_true", help="also make the reference fronts that are missing")
    parser.add_argument("--tables", type=Path, help="write tables into this folder")
    parser.add_argument("--plot", type=Path, help="draw into this file (PNG, SVG or PDF)")
    options = parser.parse_args()
    results = Results(options.out)
    problems = options.problems or [problem for group in options.groups for problem in GROUPS[group]]
    run_missing(results, options.memory, problems, options.contestants, options.seeds, options.evaluations)
    if options.references:
        for problem in problems:
            if any(problem in GROUPS[group] for group in REFERENCED):
                make_reference(results, options.memory, problem)
    if options.tables:
        from benchmarks.race.tables import write_tables

        write_tables(results, options.tables)
    if options.plot:
        from benchmarks.race.plots import write_plot

        write_plot(results, problems, options.plot)


if __name__ == "__main__":
    main()
