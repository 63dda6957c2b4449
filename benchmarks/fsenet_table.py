"""The README's table of dynamic against static pruning on real recordings.

    python -m benchmarks.fsenet_table [--ratios 0.25 0.5 0.75 0.9] [--set system.training.teacher=FOLDER ...] [--json]

Data under TINYPARETO_DATA. Trains `studies/pruning_ratios_voicebank.yaml` unless the cache has it, and prints, all on
the VoiceBank pairs, which nothing was trained or chosen on: noisy speech, the network trained densely, the network
trained with gates and all channels kept, and for each ratio the same in every block, with channels chosen by the gates
frame by frame, fixed by their mean score, and fixed by the size of their filters in either network. `kept` is the mean
share of channels, `always` and `never` the shares of channels kept in all frames and in none. Thresholds come from
calibration clips; `off by` is the largest distance, over the blocks, of the ratio met on validation clips from the one
asked for. Yardsticks of others are quoted, not measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.nsnet2_table import QUOTED
from evaluators.fsenet.pruning import METHODS, Method
from evaluators.speech.score_cache import ScoreCache
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.storage import cache_root, data_root
from evaluators.system import Context, Measurement
from search.display.progress import Display
from search.study import Study
from spaces import Configuration

STUDY = "studies/pruning_ratios_voicebank.yaml"
METRICS = ("pesq", "stoi", "si_sdr_db")
SHARES = ("kept", "always_kept", "never_kept")
WORK, FETCHED = "mmacs_per_second", "weight_mbytes_per_second"
LABELS: Mapping[Method, str] = {
    "dynamic": "dynamic",
    "static_scores": "static, by mean score",
    "static_magnitudes": "static, by filter",
    "dense_magnitudes": "dense network, static, by filter",
}


def measure(ratios: Sequence[float], assignments: Sequence[str]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Name and figures of every row."""
    study = Study.from_yaml(STUDY, assignments)
    study.system.prepare(Context(cache_root(), Display()))
    yield "noisy", _noisy(study)
    wanted = {
        "trained densely, all kept": _configuration(study, "dense_magnitudes", 0.0),
        "trained with gates, all kept": _configuration(study, "dynamic", 0.0),
        **{
            f"{LABELS[method]}, {ratio:.0%} pruned": _configuration(study, method, ratio)
            for ratio in ratios
            for method in METHODS
        },
    }
    found = study.system.evaluate(list(wanted.values()), "test")
    gated = [c for c in wanted.values() if c["pruning.method"] == "dynamic"]
    on_validation = dict(zip(map(_ratio, gated), study.system.evaluate(gated, "validation"), strict=True))
    for (name, configuration), measurement in zip(wanted.items(), found, strict=True):
        row = _row(measurement)
        if configuration in gated:
            asked = _ratio(configuration)
            row["off_by"] = max(abs(1 - kept - asked) for kept in _shares(on_validation[asked], "kept"))
        yield name, row


def _configuration(study: Study, method: Method, ratio: float) -> Configuration:
    ratios = {name: ratio for name in study.space.defaults if name.startswith("pruning_ratios.")}
    return {**study.space.defaults, **ratios, "pruning.method": method}


def _ratio(configuration: Configuration) -> float:
    return next(float(value) for name, value in configuration.items() if name.startswith("pruning_ratios."))


def _row(measurement: Measurement) -> dict[str, float]:
    errors = {f"{name}_se": measurement.standard_errors[name] for name in METRICS}
    means = {part: sum(found) / len(found) for part in SHARES if (found := _shares(measurement, part))}
    return {**measurement.metrics, **errors, **means}


def _shares(measurement: Measurement, part: str) -> list[float]:
    """Of all blocks."""
    return [share for name, share in measurement.activity.items() if name.startswith(f"{part}.")]


def _noisy(study: Study) -> dict[str, float]:
    pairs = study.system._bench.data.evaluation["test"]  # type: ignore[attr-defined]
    clips = [pairs[k] for k in range(len(pairs))]
    with Scorer(METRICS, ScoreCache(None)) as scorer:
        scores = scorer.score([Scorable(clip.clean, clip.noisy) for clip in clips])
    return {**ScoreTable([clip.name for clip in clips], scores).means(), WORK: 0.0, FETCHED: 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.25, 0.5, 0.75, 0.9])
    parser.add_argument("--set", dest="assignments", action="append", default=[], help="change something of the study")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if data_root() is None:
        parser.error("set TINYPARETO_DATA to the folder of the data")
    table = [*measure(arguments.ratios, arguments.assignments), *QUOTED]
    if arguments.json:
        print(json.dumps([{"network": name, **values} for name, values in table], indent=1))
        return
    print("| VoiceBank pairs | PESQ (s.e.) | STOI | SI-SDR | MMAC/s | MB/s | kept | always | never | off by |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, values in table:
        se = f" ({values['pesq_se']:.2f})" if "pesq_se" in values else ""
        scores = f"{values['pesq']:.3f}{se} | {values['stoi']:.3f} | {values['si_sdr_db']:.2f}"
        rest = [*((part, ".3f") for part in SHARES), ("off_by", ".3f")]
        figures = " | ".join(format(values[key], how) if key in values else "" for key, how in rest)
        fetched = f"{values[FETCHED]:.1f}" if FETCHED in values else ""
        print(f"| {name} | {scores} | {values[WORK]:.1f} | {fetched} | {figures} |")


if __name__ == "__main__":
    main()
