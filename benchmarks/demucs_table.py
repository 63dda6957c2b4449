"""The table of slimmable DEMUCS on real recordings: what schedules and routers gain over equal factors everywhere.

    python -m benchmarks.demucs_table [--trials 100] [--routers 60] [--synthesized] [--set KEY=VALUE ...]
        [--out runs/demucs_table] [--json]

Data under TINYPARETO_DATA. Trains `studies/uf_schedules_voicebank.yaml` and `studies/router_targets_voicebank.yaml`
unless the cache has them, searches schedules and router settings on validation, and prints, all on the VoiceBank pairs,
which nothing was trained or chosen on:

* noisy speech, and the network at each factor in all blocks: the staircase;
* for each step of the staircase, the best schedule on validation among those of no more work;
* for each metric, how much more hypervolume (of work and that metric, above noisy speech or, where it is lower, the
  lowest step) the schedules chosen on validation dominate than the staircase, and how far they lie above a line along
  its steps, which no single schedule reaches but networks that alternate between two steps would; with standard errors
  from resampled clips;
* each router as it was trained, and the setting found on validation that lies farthest above that line there; beside
  the line at equal work, with the standard error of the difference over clips; and the share of time at each factor.

Schedules and routers are chosen by the first objective. Most of the time goes into PESQ: with
`--set system.scores=[stoi,si_sdr_db] --set objectives=[si_sdr_db,macs_per_sample]` all is over within minutes, and
`--routers 0` leaves routers and their training out. With `--synthesized` the same for `studies/uf_schedules.yaml` and
`studies/router_targets.yaml`, which need no data.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models import workload_costs
from evaluators.demucs.aims import TARGETS
from evaluators.demucs.schedules import UFS
from evaluators.demucs.workload import SHARE
from evaluators.storage import cache_root, data_root
from evaluators.system import Context, Measurement
from search.display.progress import Display
from search.pareto import front_indices, hypervolume
from search.run import carry_out
from search.run_directory import RunDirectory
from search.study import Study
from spaces import Choices, Configuration, Knob

STUDIES = ("uf_schedules_voicebank", "router_targets_voicebank")
SYNTHESIZED = ("uf_schedules", "router_targets")
SHOWN = {"pesq": "PESQ", "stoi": "STOI", "si_sdr_db": "SI-SDR"}
MACS = "macs_per_sample"
N_RESAMPLED = 1000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A network on a set of clips.

    Attributes:
        label: What it is called.
        macs: Per sample.
        clips: Metric -> value of every clip.
        shares: Of the time, at each factor; empty for schedules.
    """

    label: str
    macs: float
    clips: Mapping[str, NDArray[np.float64]]
    shares: Sequence[float] = ()

    def mean(self, metric: str) -> float:
        """Over the clips."""
        return float(np.nanmean(self.clips[metric]))

    def row(self) -> dict[str, Any]:
        """Means and standard errors."""
        errors = {f"{metric}_se": standard_error(values) for metric, values in self.clips.items()}
        means = {metric: self.mean(metric) for metric in self.clips}
        return {"network": self.label, MACS: self.macs, **means, **errors, "shares": list(self.shares)}


@dataclass(frozen=True)
class Searched:
    """A study whose search is done."""

    study: Study
    document: Mapping[str, Any]

    @property
    def metrics(self) -> list[str]:
        """What is scored, the first objective first."""
        scored = [name for name in SHOWN if name in self.study.system.metrics]
        return sorted(scored, key=lambda name: name != self.study.objectives.names[0])

    @classmethod
    def of(cls, name: str, n_trials: int, assignments: Sequence[str], out: Path, display: Display) -> Searched:
        """Carry a study out, or go on with it."""
        directory = RunDirectory(out / name)
        budget = [f"budget.trials={n_trials}", "budget.minutes=null"]
        study = Study.from_yaml(f"studies/{name}.yaml", [*budget, *assignments])
        run = carry_out(study, directory, resume=directory.is_started, fresh=False, monitor=display, progress=display)
        study.system.prepare(Context(cache_root(), display))
        return cls(study, run.front())

    def noisy(self, split: str) -> Mapping[str, float]:
        """Means of speech as it comes in."""
        found: Mapping[str, float] = next(r for r in self.document["references"] if r["label"] == "noisy")[split]
        return found

    def measured(self, labelled: Mapping[str, Configuration], split: str) -> list[Found]:
        """Configurations, by their labels."""
        measurements = self.study.system.evaluate(list(labelled.values()), split)  # type: ignore[arg-type]
        return [
            _found(label, self._macs(configuration, measurement), measurement, self.metrics)
            for (label, configuration), measurement in zip(labelled.items(), measurements, strict=True)
        ]

    def _macs(self, configuration: Configuration, measurement: Measurement) -> float:
        workload = self.study.system.workload(configuration, measurement.activity or None)
        return workload_costs(workload)[MACS]


def standard_error(values: NDArray[np.float64]) -> float:
    """Of a mean over clips."""
    n_measured = np.count_nonzero(~np.isnan(values))
    return float(np.nanstd(values, ddof=1) / math.sqrt(n_measured))


def line(staircase: Sequence[Found], metric: str, macs: float) -> NDArray[np.float64]:
    """What alternating between two steps of a staircase would give each clip at this work, on average."""
    costs = [step.macs for step in staircase]
    at = min(max(macs, costs[0]), costs[-1])
    upper = min(int(np.searchsorted(costs, at)), len(costs) - 1)
    lower = max(upper - 1, 0)
    share = 0.0 if upper == lower else (at - costs[lower]) / (costs[upper] - costs[lower])
    clips = (1 - share) * staircase[lower].clips[metric] + share * staircase[upper].clips[metric]
    return np.asarray(clips, dtype=np.float64)


def gains(front: Sequence[Found], staircase: Sequence[Found], metric: str, floor: float) -> dict[str, float]:
    """What a front dominates beyond a staircase, with standard errors from resampled clips.

    Args:
        front: Chosen on other clips.
        staircase: In rising order of work.
        metric: To be large.
        floor: Of the metric: what lies below it, and below all steps, adds nothing.

    Returns:
        `volume`: more hypervolume, as a share of the staircase's. `height`: mean distance over the line along the
        staircase, of what is best on the front at each work between its ends.
    """
    rng, n_clips = np.random.default_rng(0), len(staircase[0].clips[metric])
    draws = [np.arange(n_clips), *rng.integers(n_clips, size=(N_RESAMPLED, n_clips))]
    works = np.linspace(staircase[0].macs, staircase[-1].macs, 200)
    front = sorted(front, key=lambda found: found.macs)
    costs = np.array([found.macs for found in front])
    reached = np.searchsorted(costs, works + 1e-6, side="right") - 1
    volumes, heights = [], []
    for chosen in draws:
        means = np.array([np.nanmean(found.clips[metric][chosen]) for found in front])
        steps = np.array([[step.macs, -np.nanmean(step.clips[metric][chosen])] for step in staircase])
        # The lowest step of the very draw, lest its staircase dominate next to nothing.
        corner = np.array([1.01 * staircase[-1].macs, max(-floor, *steps[:, 1])])
        ours = hypervolume(np.column_stack([costs, -means]), corner)
        theirs = hypervolume(steps, corner)
        volumes.append(ours / theirs - 1 if theirs > 0 else math.nan)
        # The front is in rising order of work; on validation, of quality as well.
        heights.append(float(np.mean(means[reached] - np.interp(works, steps[:, 0], -steps[:, 1]))))
    return {
        "volume": volumes[0],
        "volume_se": float(np.nanstd(volumes[1:], ddof=1)),
        "height": heights[0],
        "height_se": float(np.std(heights[1:], ddof=1)),
        "n": len(front),
    }


def uniform(searched: Searched) -> dict[str, Configuration]:
    """The network at each factor in all blocks."""
    blocks = searched.study.system.knobs()[UFS]
    factors = choices_of(next(iter(blocks.values())))
    return {f"UF {uf:g}": {f"{UFS}.{block}": uf for block in blocks} for uf in factors}


def choices_of(knob: Knob) -> list[float]:
    """The values of a knob that has a few."""
    assert isinstance(knob.domain, Choices)
    return [float(value) for value in knob.domain.values]


def schedules(searched: Searched) -> tuple[list[Found], list[Row], list[Row]]:
    """The staircase, rows of schedules at no more work than its steps, and gains of the front of each metric."""
    searchable = [*searched.document["trials"], *searched.document["baselines"]]
    trials = [trial for trial in searchable if trial["validation"]]
    staircase = searched.measured(uniform(searched), "test")
    best: dict[str, Configuration] = {}
    for step in staircase[1:]:
        within = [trial for trial in trials if trial["costs"][MACS] <= step.macs + 1e-6]
        chosen = max(within, key=lambda trial: trial["validation"][searched.metrics[0]])["configuration"]
        best[f"schedule within {step.label} ({' '.join(f'{v:g}' for v in chosen.values())})"] = chosen
    told: list[Row] = []
    for metric in searched.metrics:
        values = np.array([[trial["costs"][MACS], -trial["validation"][metric]] for trial in trials])
        members = [trials[k]["configuration"] for k in front_indices(values)]
        front = searched.measured({str(k): member for k, member in enumerate(members)}, "test")
        told.append({"metric": metric, **gains(front, staircase, metric, searched.noisy("test")[metric])})
    rows: list[Row] = [found.row() for found in [*staircase, *searched.measured(best, "test")]]
    return staircase, rows, told


def routers(searched: Searched, staircase: Sequence[Found], on_validation: Sequence[Found]) -> list[Row]:
    """Rows of routers as trained, and of the setting farthest above the line on validation."""
    knobs = searched.study.system.knobs()[TARGETS]
    utilizations, betas, gammas = (choices_of(knobs[name]) for name in ("utilization", "beta", "gamma"))
    trained = {
        f"router towards {u:g}, gamma {g:g}" + (f", beta {b:g}" if len(betas) > 1 else ""): _routing(u, b, g)
        for u in utilizations
        for b in betas
        for g in gammas
    }
    tried = {str(k): trial["configuration"] for k, trial in enumerate(searched.document["trials"])}

    chosen_by = searched.metrics[0]

    def above(found: Found) -> float:
        return float(found.mean(chosen_by) - np.nanmean(line(on_validation, chosen_by, found.macs)))

    best = tried[max(searched.measured(tried, "validation"), key=above).label]
    settings = ", ".join(f"{name.partition('.')[2]} {value:.3g}" for name, value in best.items())
    rows: list[Row] = []
    for found in searched.measured({**trained, f"router chosen on validation ({settings})": best}, "test"):
        row = found.row()
        for metric in searched.metrics:
            difference = found.clips[metric] - line(staircase, metric, found.macs)
            row |= {f"{metric}_above": float(np.nanmean(difference)), f"{metric}_above_se": standard_error(difference)}
        rows.append(row)
    return rows


def _routing(utilization: float, beta: float, gamma: float) -> Configuration:
    values = {"utilization": utilization, "beta": beta, "gamma": gamma, "bias": 0.0}
    return {f"{TARGETS}.{name}": value for name, value in values.items()}


def _found(label: str, macs: float, measurement: Measurement, metrics: Sequence[str]) -> Found:
    clips = {
        metric: np.array([np.nan if row[metric] is None else row[metric] for row in measurement.clips], dtype=float)
        for metric in metrics
    }
    shares = [share for name, share in measurement.activity.items() if name.startswith(f"{SHARE}.")]
    return Found(label, macs, clips, shares)


def measure(names: Sequence[str], trials: Sequence[int], assignments: Sequence[str], out: Path) -> dict[str, Any]:
    """All rows, and the gains of schedules."""
    display = Display()
    by_schedule = Searched.of(names[0], trials[0], assignments, out, display)
    staircase, rows, told = schedules(by_schedule)
    noisy = {"network": "noisy", MACS: 0.0, **by_schedule.noisy("test")}
    routed: list[Row] = []
    if trials[1]:
        on_validation = by_schedule.measured(uniform(by_schedule), "validation")
        routed = routers(Searched.of(names[1], trials[1], assignments, out, display), staircase, on_validation)
    return {
        "rows": [noisy, *rows, *routed],
        "gains": told,
        "steps": [step.label for step in staircase],
        "metrics": by_schedule.metrics,
    }


def _printed(document: Mapping[str, Any]) -> Iterable[str]:
    metrics = document["metrics"]
    steps = ", ".join(document["steps"])
    heads = [head for metric in metrics for head in (f"{SHOWN[metric]} (s.e.)", "over the line (s.e.)")]
    yield f"| network | MACs a sample | {' | '.join(heads)} | time at {steps} |"
    yield "|---|---|" + "---|" * (len(heads) + 1)
    for row in document["rows"]:
        cells = [cell for metric in metrics for cell in (_with_error(row, metric), _with_error(row, f"{metric}_above"))]
        shares = " ".join(f"{share:.0%}" for share in row.get("shares", ()))
        yield f"| {row['network']} | {row[MACS]:,.0f} | {' | '.join(cells)} | {shares} |"
    yield ""
    for gain in document["gains"]:
        yield (
            f"{SHOWN[gain['metric']]}: {gain['n']} schedules on the front of validation; hypervolume "
            f"{gain['volume']:+.1%} (s.e. {gain['volume_se']:.1%}) over the staircase; {gain['height']:+.4f} "
            f"(s.e. {gain['height_se']:.4f}) over the line along it"
        )


def _with_error(row: Row, name: str) -> str:
    if name not in row:
        return ""
    return f"{row[name]:.3f}" + (f" ({row[f'{name}_se']:.3f})" if f"{name}_se" in row else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--routers", type=int, default=60)
    parser.add_argument("--synthesized", action="store_true")
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/demucs_table"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if data_root() is None and not arguments.synthesized:
        parser.error("set TINYPARETO_DATA to the folder of the data")
    names = SYNTHESIZED if arguments.synthesized else STUDIES
    trials = (arguments.trials, arguments.routers)
    document = measure(names, trials, arguments.assignments, arguments.out)
    if arguments.json:
        print(json.dumps(document, indent=1))
        return
    print("\n".join(_printed(document)))


if __name__ == "__main__":
    main()
