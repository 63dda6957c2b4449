"""Parallel coordinates: any number of objectives and costs at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from search.records import TrialRecord
from search.report.quantities import Quantity, ticks
from search.report.text import number, plotly_text
from search.report.theme import BASELINE, EVALUATED, FRONT, figure, thinned
from search.report.view import Member, RunView, point_value

MAX_LINES = 600
"""Evaluated trials drawn besides the front and the baselines."""

_GROUPS = 3
AXIS_WIDTH_PX = 120


def parallel_figure(run: RunView) -> go.Figure | None:
    """One vertical axis for every objective and cost that varies, better downwards; None for fewer than two axes."""
    points = drawn_points(run, MAX_LINES)
    names = varying(run, points, [*run.objectives, *run.cost_names])
    complete = [(group, p) for group, p in points if all(point_value(p, name) is not None for name in names)]
    if len(names) < 2 or not complete:
        return None
    trace = go.Parcoords(
        dimensions=[_dimension(run, name, [p for _, p in complete]) for name in names],
        line={
            "color": [group for group, _ in complete],
            "colorscale": _steps((EVALUATED, BASELINE, FRONT)),
            "cmin": -0.5,
            "cmax": _GROUPS - 0.5,
        },
        unselected={"line": {"opacity": 0.08}},
        labelangle=-12,
        labelside="top",
    )
    return figure([trace], 460, margin={"l": 60, "r": 60, "t": 100, "b": 30})


def drawn_points(run: RunView, limit: int) -> list[tuple[int, Member | TrialRecord]]:
    """Evaluated trials (group 0, thinned), baselines (1) and the front (2), in the order of drawing."""
    evaluated: list[tuple[int, Member | TrialRecord]] = [(0, r) for r in thinned(run.evaluated, limit)]
    return [*evaluated, *((1, m) for m in run.baselines), *((2, m) for m in run.members)]


def varying(run: RunView, points: Sequence[tuple[int, Member | TrialRecord]], names: Sequence[str]) -> list[str]:
    """Those names, each once, that some points know and that do not have one value everywhere."""
    values = {name: {point_value(p, name) for _, p in points} - {None} for name in dict.fromkeys(names)}
    return [name for name, found in values.items() if len(found) > 1]


def _dimension(run: RunView, name: str, points: Sequence[Member | TrialRecord]) -> dict[str, Any]:
    shown = run.quantity(name)
    values = [shown.scaled(point_value(p, name)) or 0.0 for p in points]
    dimension: dict[str, Any] = {"label": plotly_text(shown.title, 40), "values": values}
    low, high = min(values), max(values)
    if shown.is_log and low > 0:
        dimension |= _logarithmic(values, shown)
        low, high = math.log10(low), math.log10(high)
    if low < high:
        dimension["range"] = [high, low] if run.is_maximized(name) else [low, high]
    return dimension


def _logarithmic(values: Sequence[float], shown: Quantity) -> dict[str, Any]:
    """Parallel coordinates know no logarithmic axis: the values are logarithms, the ticks say what they stand for."""
    at = ticks(min(values), max(values))
    return {
        "values": [round(math.log10(v), 5) for v in values],
        "tickvals": [math.log10(v) for v in at],
        "ticktext": [number(v) for v in at],
    }


def _steps(colors: Sequence[str]) -> list[list[Any]]:
    """A color scale of equal steps."""
    n = len(colors)
    return [[edge, color] for i, color in enumerate(colors) for edge in (i / n, (i + 1) / n)]
