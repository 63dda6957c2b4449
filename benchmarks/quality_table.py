"""The README's table of speech quality predicted with few bits, on recordings.

    python -m benchmarks.quality_table [--trials 60] [--set KEY=VALUE ...] [--out runs/quality_table] [--json]

Data under TINYPARETO_DATA. Trains `studies/bam_bits_recordings.yaml` unless the cache has it, and fine-tunes binary
maps once. Prints correlations with PESQ, on validation and on test, of the float network, of equal bits everywhere, of
binary maps with 8-bit weights, and of the member of a searched front with the least memory whose correlation on
validation is within 0.01 of the float network's. The search is over 2 bits and more, which need no fine-tuning.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluators.storage import data_root
from search.display.progress import Display
from search.run import Run, carry_out
from search.run_directory import RunDirectory
from search.study import Study

STUDY = "studies/bam_bits_recordings.yaml"
CHEAP = "space.bit_widths={operators: '*', choices: [2, 3, 4, 5, 6, 7, 8, 32]}"
TOLERANCE = 0.01
MEMORY = "memory_all_maps_bytes"


def rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """References, equal bits, and the chosen member of a front document."""
    float_network = document["references"][0]
    for reference in document["references"]:
        yield _row(reference["label"], reference)
    for baseline in document["baselines"]:
        yield _row(f"{baseline['label']} everywhere", baseline)
    bound = float_network["validation"]["pearson"] - TOLERANCE
    within = [t for t in document["trials"] if t["validation"]["pearson"] >= bound]
    if within:
        chosen = min(within, key=lambda t: t["costs"][MEMORY])
        bits = [str(chosen["configuration"][name]) for name in sorted(chosen["configuration"])]
        yield _row(f"searched, chosen on validation ({' '.join(bits)})", chosen)


def _row(label: str, point: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "network": label,
        "bytes": point["costs"][MEMORY],
        **{split: point[split].get("pearson") for split in ("validation", "test")},
        **{f"{split}_se": point[f"{split}_standard_errors"].get("pearson") for split in ("validation", "test")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/quality_table"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if data_root() is None:
        parser.error("set TINYPARETO_DATA to the folder of the data")
    directory = RunDirectory(arguments.out)
    display = Display()
    study = Study.from_yaml(STUDY, [CHEAP, f"budget.trials={arguments.trials}", *arguments.assignments])
    run: Run = carry_out(study, directory, resume=directory.is_started, fresh=False, monitor=display, progress=display)
    table = list(rows(run.front()))
    if arguments.json:
        print(json.dumps(table, indent=1))
        return
    whole = table[0]["bytes"]
    print("| maps and weights | bytes | less memory | validation (s.e.) | test (s.e.) |\n|---|---|---|---|---|")
    for row in table:
        figures = " | ".join(
            "-" if row[split] is None else f"{row[split]:.3f} ({row[f'{split}_se']:.3f})"
            for split in ("validation", "test")
        )
        print(f"| {row['network']} | {row['bytes']:,} | {whole / row['bytes']:.1f}x | {figures} |")


if __name__ == "__main__":
    main()
