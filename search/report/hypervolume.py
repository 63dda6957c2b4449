"""How the hypervolume grew: over evaluations and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from search.pareto import FrontTracker, hypervolume
from search.records import TrialRecord
from search.report.text import plotly_lines, plotly_text
from search.report.theme import EVALUATED, RUN_COLORS, figure
from search.report.view import Member, RunView

Point = Mapping[str, float]
"""Objective -> value, as people know it."""

Over = Literal["evaluations", "time"]

_CHECKPOINTS = {1: 250, 2: 250, 3: 250, 4: 120, 5: 20}
_FEW_CHECKPOINTS = 8
"""For more objectives: the effort of one hypervolume grows exponentially with their number."""


@dataclass(frozen=True)
class Growth:
    """The hypervolume at checkpoints of a search.

    Attributes:
        n_evaluations: Evaluations so far, shape (n_checkpoints,).
        seconds: Time spent evaluating so far, shape (n_checkpoints,).
        hypervolume: Of all feasible trials so far, shape (n_checkpoints,); it never falls.
    """

    n_evaluations: list[int]
    seconds: list[float]
    hypervolume: list[float]


def growth(run: RunView, reference_point: Point) -> Growth:
    """Recompute the hypervolume from the validation records, at some hundred checkpoints at most.

    Trials whose costs broke a constraint were not evaluated and do not count. The time is the sum of the evaluations'
    durations, whichever worker they ran on; values from an earlier run took none.
    """
    tried = [r for r in run.validation_records if r.state != "infeasible"]
    feasible = {id(r) for r in run.feasible}
    elapsed = np.cumsum([_duration(r) for r in tried])
    tracker = FrontTracker(corner(run, reference_point))
    result = Growth([0], [0.0], [0.0])
    done, volume = 0, 0.0
    for stop in _checkpoints(len(tried), len(run.objectives)):
        batch = [r for r in tried[done:stop] if id(r) in feasible]
        if batch:
            tracker.add(run.minimized(batch))
            volume = tracker.hypervolume
        done = stop
        result.n_evaluations.append(stop)
        result.seconds.append(float(elapsed[stop - 1]))
        result.hypervolume.append(volume)
    return result


def corner(run: RunView, reference_point: Point) -> NDArray[np.float64]:
    """The reference point with everything minimized, shape (n_objectives,)."""
    return np.array([run.sign(o) * reference_point[o] for o in run.objectives], dtype=np.float64)


def volume_of(run: RunView, points: Sequence[Member], reference_point: Point) -> float:
    """Hypervolume of those points that have all objectives, on validation."""
    complete = [p for p in points if all(p.value(o) is not None for o in run.objectives)]
    return hypervolume(run.minimized(complete), corner(run, reference_point))


def feasible_baselines(run: RunView) -> list[Member]:
    """The baselines that keep to the constraints."""
    feasible = {record.trial for record in run.feasible}
    return [baseline for baseline in run.baselines if baseline.trial in feasible]


def worst_reference(runs: Sequence[RunView]) -> Point | None:
    """The reference point that all runs can share: for every objective the worst of theirs. None if one has none."""
    points = [run.reference_point for run in runs]
    known = [point for point in points if point is not None]
    if not known or len(known) < len(points):
        return None
    return reduce(
        lambda a, b: {o: max(a[o], b[o], key=lambda v: runs[0].sign(o) * v) for o in runs[0].objectives}, known
    )


def evaluation_seconds(run: RunView) -> float:
    """Time spent evaluating, summed over the trials of the search; values from an earlier run took none."""
    return sum(_duration(record) for record in run.validation_records)


def hypervolume_figure(runs: Sequence[RunView], growths: Sequence[Growth], reference_point: Point, over: Over) -> Any:
    """One line for each run, and a dotted one where the homogeneous baselines of the first run stand."""
    traces: list[Any] = []
    for index, (run, grown) in enumerate(zip(runs, growths, strict=True)):
        at = [float(n) for n in grown.n_evaluations] if over == "evaluations" else grown.seconds
        traces.append(
            go.Scatter(
                x=[_rounded(x) for x in at],
                y=[_rounded(v) for v in grown.hypervolume],
                mode="lines",
                line={"color": RUN_COLORS[index % len(RUN_COLORS)], "width": 2, "shape": "hv"},
                name=plotly_text(run.name, 40),
                hovertext=[
                    plotly_lines([run.name, f"{n} evaluations, {s:.3g} s", f"hypervolume {v:.5g}"])
                    for n, s, v in zip(grown.n_evaluations, grown.seconds, grown.hypervolume, strict=True)
                ],
                hoverinfo="text",
                showlegend=len(runs) > 1,
            )
        )
    baseline = volume_of(runs[0], feasible_baselines(runs[0]), reference_point)
    if baseline > 0:
        traces.append(_baseline_line(baseline, traces))
    best = max(grown.hypervolume[-1] for grown in growths)
    axis: dict[str, Any] = {"title": {"text": "hypervolume"}, "exponentformat": "SI"}
    if 0 < baseline < best:
        # From nothing to the baselines takes the first few trials; what is worth seeing comes after.
        axis["range"] = [max(baseline - (best - baseline) / 2, 0.0), best + (best - baseline) / 10]
    title = "evaluated trials" if over == "evaluations" else "evaluation time, summed (s)"
    return figure(
        traces,
        340,
        xaxis={"title": {"text": title}, "rangemode": "tozero"},
        yaxis=axis,
    )


def _baseline_line(volume: float, traces: Sequence[Any]) -> Any:
    return go.Scatter(
        x=[0, max(trace.x[-1] for trace in traces)],
        y=[_rounded(volume)] * 2,
        mode="lines",
        line={"color": EVALUATED, "width": 1.5, "dash": "dot"},
        name="homogeneous baselines",
        hovertext=[f"homogeneous baselines<br>hypervolume {volume:.5g}"] * 2,
        hoverinfo="text",
    )


def _checkpoints(n: int, n_objectives: int) -> list[int]:
    """Rising numbers of records up to `n`, closer at the beginning, where the front moves most."""
    count = _CHECKPOINTS.get(n_objectives, _FEW_CHECKPOINTS)
    if n <= count:
        return list(range(1, n + 1))
    half = count // 2
    early, even = np.geomspace(1, n, half), np.linspace(1, n, count - half)
    return sorted({int(stop) for stop in np.rint(np.concatenate([early, even]))})


def _duration(record: TrialRecord) -> float:
    return 0.0 if record.cached else record.seconds


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")
