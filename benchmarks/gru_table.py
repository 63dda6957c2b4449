"""The README's table: how much smaller a mixed-precision GRU is than the homogeneous 8-bit one, at equal accuracy.

    python -m benchmarks.gru_table [STUDY ...] [--set KEY=VALUE ...] [--out runs/table] [--json]

Runs the studies (those that need data look under TINYPARETO_DATA) and prints one row each. The search sees validation
data only: the member is the smallest on the front whose validation accuracy is within half a point of the 8-bit
network's; what it does on test is then reported, whatever it is. The last column is the smallest member that keeps
within half a point on test, which nobody could have picked without looking.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.display.progress import Display
from search.run import Run, carry_out
from search.run_directory import RunDirectory
from search.study import Study

STUDIES = (
    "studies/gru_bits.yaml",
    "studies/gru_bits_mnist.yaml",
    "studies/gru_bits_spoken_digits.yaml",
    "studies/gru_bits_japanese_vowels.yaml",
)
TOLERANCE = 0.005
BASELINE = "8 bits"


def row(document: Mapping[str, Any]) -> dict[str, Any]:
    """One study's figures, from its front document."""
    eight = next(b for b in document["baselines"] if b["label"] == BASELINE)
    chosen = _smallest(document, eight, "validation")
    on_test = _smallest(document, eight, "test")
    return {
        "study": document["study"],
        "float_test": document["system"]["facts"]["float_accuracy"]["test"],
        "8bit_test": 1 - eight["test"]["error_rate"],
        "8bit_test_se": eight["test_standard_errors"]["error_rate"],
        "8bit_bytes": eight["costs"]["model_bytes"],
        "chosen_test": 1 - chosen["test"]["error_rate"],
        "chosen_bytes": chosen["costs"]["model_bytes"],
        "chosen_reduction": _reduction(chosen, eight),
        "within_on_test_reduction": _reduction(on_test, eight),
        "hypervolume": document["hypervolume"],
        "baseline_hypervolume": document["baseline_hypervolume"],
    }


def _smallest(document: Mapping[str, Any], eight: Mapping[str, Any], split: str) -> Mapping[str, Any]:
    """The smallest network that loses at most half a point to 8 bits; the 8-bit one itself if there is none."""
    bound = eight[split]["error_rate"] + TOLERANCE
    members = [t for t in document["trials"] if t[split] and t[split]["error_rate"] <= bound + 1e-12]
    return min([*members, eight], key=lambda t: t["costs"]["model_bytes"])


def _reduction(trial: Mapping[str, Any], eight: Mapping[str, Any]) -> float:
    return float(1 - trial["costs"]["model_bytes"] / eight["costs"]["model_bytes"])


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as the README shows them."""
    lines = [
        "| study | float | 8 bits (s.e.) | bytes | mixed, chosen on validation | bytes | smaller by | "
        "within 0.5 on test | hypervolume over homogeneous |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [
            r["study"],
            _percent(r["float_test"]),
            f"{_percent(r['8bit_test'])} ({100 * r['8bit_test_se']:.2f})",
            f"{r['8bit_bytes']:,.0f}",
            _percent(r["chosen_test"]),
            f"{r['chosen_bytes']:,.0f}",
            f"{100 * r['chosen_reduction']:.0f} %",
            f"{100 * r['within_on_test_reduction']:.0f} %",
            f"{100 * (r['hypervolume'] / r['baseline_hypervolume'] - 1):+.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _document(path: Path, overrides: list[str], out: Path) -> dict[str, Any]:
    study = Study.from_yaml(path, overrides)
    directory = RunDirectory(out / study.spec.name)
    display = Display()
    run: Run = carry_out(study, directory, resume=directory.is_started, fresh=False, monitor=display, progress=display)
    return run.front()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", type=Path, default=[Path(study) for study in STUDIES])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `search run`")
    parser.add_argument("--out", type=Path, default=Path("runs/table"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row(_document(path, options.set, options.out)) for path in options.studies]
    print(json.dumps(rows, indent=1) if options.json else markdown(rows))


if __name__ == "__main__":
    main()
