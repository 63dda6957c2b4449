"""The README's table of early exits on real recordings: what a searched dynamic nsNet2 saves, and what it loses.

    python -m benchmarks.nsnet2_table [--trials 150] [--static 256 128] [--out runs/nsnet2_table] [--json]

Data under TINYPARETO_DATA. Trains `studies/nsnet2_exits_voicebank.yaml` unless the cache has it, searches its exits and
thresholds on validation, and prints, all on the VoiceBank pairs, which nothing was trained or chosen on: noisy speech;
the reference weights; the fixed exits; the member of the front with the least work among those within 0.05 PESQ of the
whole network on validation; the best member on validation that saves a quarter of the work, and the dynamic setting
that hindsight would have picked; plain networks of fewer units, which were trained alike but from random weights.
Yardsticks of others are quoted, not measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.nsnet2_reference import measure
from evaluators.progress import Progress
from evaluators.registry import create_system
from evaluators.storage import cache_root, data_root
from evaluators.system import Context, Measurement
from search.display.progress import Display
from search.run import Run, carry_out
from search.run_directory import RunDirectory
from search.study import Study
from spaces import Configuration

STUDY = "studies/nsnet2_exits_voicebank.yaml"
TOLERANCE_PESQ = 0.05
FRUGAL = 0.75
"""Of the work of the whole network: a saving worth having."""
FEW = 0.05
"""Of the frames: fewer make no exit worth its name."""
WORK = "mmacs_per_second"
PLACEMENT = "exits.placement"
STATIC_EPOCHS = 80
"""Random weights take longer than given ones."""
METRICS = ("pesq", "stoi", "si_sdr_db")
REFERENCE_WORK = 2.777 * 62.5
QUOTED = (
    ("quoted: DTLN", {"pesq": 2.25, "stoi": 0.911, "si_sdr_db": 15.3, WORK: 120.0}),
    ("quoted: GTCRN", {"pesq": 2.30, "stoi": 0.907, "si_sdr_db": 12.8, WORK: 33.0}),
)
FIXED = "fixed exit "


def rows(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """The fixed exits and the chosen members of a front document, on test."""
    fixed = [b for b in document["baselines"] if b["label"].startswith(FIXED)]
    for baseline in fixed:
        yield baseline["label"], _values(baseline)
    whole = next(b for b in fixed if b["label"] == f"{FIXED}final")
    within = [t for t in document["trials"] if t["validation"]["pesq"] >= whole["validation"]["pesq"] - TOLERANCE_PESQ]
    cheapest = min([*within, whole], key=lambda t: t["validation"][WORK])
    yield (
        f"least work within {TOLERANCE_PESQ} PESQ on validation ({_settings(cheapest['configuration'])})",
        _values(cheapest),
    )
    best = max(_frugal(document["trials"], whole), key=lambda t: t["validation"]["pesq"])
    yield f"best of {FRUGAL:.0%} of the work on validation ({_settings(best['configuration'])})", _values(best)


def hindsight_row(study: Study, run: Run) -> tuple[str, Mapping[str, float]]:
    """Of all dynamic settings that were searched and save enough, the one that test itself likes best, on test."""
    whole = next(b for b in run.front()["baselines"] if b["label"] == f"{FIXED}final")
    most = FRUGAL * whole["validation"][WORK]
    searched = [r for r in run.records() if r.split == "validation" and r.state == "done"]
    settings = [r.configuration for r in searched if _is_dynamic(r.activity) and r.metrics[WORK] <= most]
    found = study.system.evaluate(settings, "test")
    k = max(range(len(settings)), key=lambda k: found[k].metrics["pesq"])
    label = f"best dynamic setting of {FRUGAL:.0%} of the work, in hindsight ({_settings(settings[k])})"
    return label, _measured(found[k])


def _is_dynamic(reach: Mapping[str, float]) -> bool:
    """Whether some frames, and not nearly all of them, leave before the last exit."""
    return any(FEW < share < 1 - FEW for share in reach.values())


def _frugal(trials: Sequence[Mapping[str, Any]], whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [t for t in trials if t["validation"][WORK] <= FRUGAL * whole["validation"][WORK]]


def _measured(measurement: Measurement) -> dict[str, float]:
    values = {name: measurement.metrics[name] for name in (*METRICS, WORK)}
    return {**values, "pesq_se": measurement.standard_errors["pesq"]}


def _values(trial: Mapping[str, Any]) -> dict[str, float]:
    errors = trial["test_standard_errors"]
    return {**{name: trial["test"][name] for name in (*METRICS, WORK)}, "pesq_se": errors["pesq"]}


def _settings(configuration: Configuration) -> str:
    placement = str(configuration[PLACEMENT])
    early = placement.split("+")[:-1]
    return ", ".join([placement, *(f"{configuration[f'exit_thresholds.{e}']:.2f}" for e in early)])


def static_rows(study: Study, units: Sequence[int], progress: Progress) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Plain networks of fewer units, on test."""
    options = study.spec.system.options
    training = {**options["training"], "epochs": STATIC_EPOCHS, "kept_layers": []}
    plain = {**options, "exits": [], "warm_start": None, "training": training}
    for n in units:
        sizes = {"fc1_units": n, "gru_units": n, "fc2_units": 3 * n // 2}
        system = create_system(study.spec.system.name, {**plain, **sizes}, study.folder)
        system.prepare(Context(cache_root(), progress))
        (found,) = system.evaluate([{PLACEMENT: "final"}], "test")
        yield f"static, {n} units", _measured(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--static", type=int, nargs="*", default=[256, 128])
    parser.add_argument("--out", type=Path, default=Path("runs/nsnet2_table"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    root = data_root()
    if root is None:
        parser.error("set TINYPARETO_DATA to the folder of the data")
    directory = RunDirectory(arguments.out)
    display = Display()
    study = Study.from_yaml(STUDY, [f"budget.trials={arguments.trials}"])
    run: Run = carry_out(study, directory, resume=directory.is_started, fresh=False, monitor=display, progress=display)
    reference = measure(root)
    table = [
        ("noisy", {**reference["noisy"], WORK: 0.0}),
        ("reference weights", {**reference["enhanced"], WORK: REFERENCE_WORK}),
        *rows(run.front()),
        hindsight_row(study, run),
        *static_rows(study, arguments.static, display),
        *QUOTED,
    ]
    if arguments.json:
        print(json.dumps([{"network": name, **values} for name, values in table], indent=1))
        return
    print("| on 40 VoiceBank pairs | PESQ (s.e.) | STOI | SI-SDR | MMAC/s |\n|---|---|---|---|---|")
    for name, values in table:
        se = f" ({values['pesq_se']:.2f})" if "pesq_se" in values else ""
        scores = f"{values['pesq']:.3f}{se} | {values['stoi']:.3f} | {values['si_sdr_db']:.2f}"
        print(f"| {name} | {scores} | {values[WORK]:.1f} |")


if __name__ == "__main__":
    main()
