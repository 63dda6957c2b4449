"""Several runs in one figure, one color each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from search.report.points import (
    Axes,
    axis_pairs,
    axis_quantity,
    baseline_traces,
    joined_legend,
    member_traces,
    staircase,
)
from search.report.theme import EVALUATED, MARK_PX, RUN_COLORS, figure
from search.report.view import Member, RunView
from spaces import canonical

_SYMBOLS = ("circle", "diamond", "triangle-up", "cross", "triangle-down", "pentagon")


def are_comparable(runs: Sequence[RunView]) -> bool:
    """Whether all runs pursue the same objectives in the same directions, in whatever order."""
    first = runs[0]
    wanted = {o: first.is_maximized(o) for o in first.objectives}
    return all({o: run.is_maximized(o) for o in run.objectives} == wanted for run in runs)


def overlay_figure(runs: Sequence[RunView], axes: Axes | None = None) -> go.Figure:
    """The fronts of all runs: validation filled, test open with one standard error; baselines in gray.

    Args:
        runs: Runs that show their values in the same units, see `view.aligned`.
        axes: Objectives on x and y; by default the first pair.

    Raises:
        ValueError: If the runs do not pursue the same objectives.
    """
    if not are_comparable(runs):
        raise ValueError("the runs have different objectives: they cannot share a figure")
    x, y = axes or axis_pairs(runs[0])[0]
    seen: set[str] = set()
    traces: list[Any] = []
    for index, run in enumerate(runs):
        traces += baseline_traces(run, _unseen(run, seen), (x, y), EVALUATED)
        color = RUN_COLORS[index % len(RUN_COLORS)]
        marker = {"color": color, "size": MARK_PX, "symbol": _SYMBOLS[index % len(_SYMBOLS)]}
        if len(run.objectives) == 2:
            traces.append(staircase(run, (x, y), color))
        label = run.name if run.is_feasible else f"{run.name}, least violating"
        traces += member_traces(run, run.members, (x, y), label, {"mode": "markers", "marker": marker})
    axis_x, axis_y = axis_quantity(runs[0], x), axis_quantity(runs[0], y)
    return figure(joined_legend(traces), 520, xaxis=axis_x.axis(), yaxis=axis_y.axis())


def _unseen(run: RunView, seen: set[str]) -> list[Member]:
    """Baselines that no earlier run has drawn: runs of one study share theirs."""
    new = []
    for baseline in run.baselines:
        mark = baseline.label + canonical(baseline.configuration) + repr(sorted(baseline.metrics["validation"].items()))
        if mark not in seen:
            new.append(baseline)
        seen.add(mark)
    return new
