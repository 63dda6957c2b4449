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

_COLORS = (EVALUATED, BASELINE, FRONT)
_OPACITIES = (0.25, 1.0, 1.0)
AXIS_WIDTH_PX = 120


def parallel_figure(run: RunView) -> go.Figure | None:
    """One vertical axis for every objective and cost that varies, better downwards; None for fewer than two axes."""
    groups, points, names = _lines(run)
    if len(names) < 2:
        return None
    trace = go.Parcoords(
        dimensions=[_dimension(run, name, points) for name in names],
        line={"color": groups, "cmin": -0.5, "cmax": len(_COLORS) - 0.5},  # the color scale is the template's
        unselected={"line": {"opacity": 0.08}},
        labelangle=-10,
    )
    return figure([trace], 460, margin={"l": 70, "r": 70, "t": 100, "b": 30})


def plain_parallel_figure(run: RunView) -> go.Figure | None:
    """The same lines without WebGL, for browsers that have none; nothing can be filtered in it."""
    groups, points, names = _lines(run)
    if len(names) < 2:
        return None
    dimensions = [_dimension(run, name, points) for name in names]
    heights = [_heights(dimension) for dimension in dimensions]
    traces = []
    for group, (color, opacity) in enumerate(zip(_COLORS, _OPACITIES, strict=True)):
        chosen = [i for i, g in enumerate(groups) if g == group]
        traces.append(
            go.Scatter(
                x=[x for _ in chosen for x in (*range(len(names)), None)],
                y=[y for i in chosen for y in (*(column[i] for column in heights), None)],
                mode="lines",
                line={"color": color, "width": 1},
                opacity=opacity,
                hoverinfo="skip",
                showlegend=False,
            )
        )
    labels = [dimension["label"] for dimension in dimensions]
    return figure(
        traces,
        460,
        annotations=[note for i, dimension in enumerate(dimensions) for note in _end_notes(i, dimension)],
        xaxis={
            "tickvals": list(range(len(names))),
            "ticktext": labels,
            "side": "top",
            "showline": False,
            "range": [-0.4, len(names) - 0.6],
        },
        yaxis={"visible": False, "range": [-0.08, 1.08]},
    )


def drawn_points(run: RunView, limit: int) -> list[tuple[int, Member | TrialRecord]]:
    """Other evaluated trials (group 0, thinned), baselines (1) and the front (2), in the order of drawing."""
    evaluated: list[tuple[int, Member | TrialRecord]] = [(0, r) for r in thinned(run.background, limit)]
    return [*evaluated, *((1, m) for m in run.baselines), *((2, m) for m in run.members)]


def varying(points: Sequence[tuple[int, Member | TrialRecord]], names: Sequence[str]) -> list[str]:
    """Those names, each once, that some points know and that do not have one value everywhere."""
    values = {name: {point_value(p, name) for _, p in points} - {None} for name in dict.fromkeys(names)}
    return [name for name, found in values.items() if len(found) > 1]


def _lines(run: RunView) -> tuple[list[int], list[Member | TrialRecord], list[str]]:
    """Group of every line, the points that know everything, and the names of the axes."""
    drawn = drawn_points(run, MAX_LINES)
    names = varying(drawn, [*run.objectives, *run.cost_names])
    complete = [(group, p) for group, p in drawn if all(point_value(p, name) is not None for name in names)]
    return [group for group, _ in complete], [p for _, p in complete], names if complete else []


def _dimension(run: RunView, name: str, points: Sequence[Member | TrialRecord]) -> dict[str, Any]:
    shown = run.quantity(name)
    values = [shown.scaled(point_value(p, name)) or 0.0 for p in points]
    dimension: dict[str, Any] = {"label": plotly_text(shown.title, 40), "values": values, "tickformat": ".4~r"}
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


def _heights(dimension: dict[str, Any]) -> list[float]:
    """Values of an axis as shares of its range."""
    bottom, top = _range(dimension)
    return [round((value - bottom) / (top - bottom), 4) for value in dimension["values"]]


def _end_notes(position: int, dimension: dict[str, Any]) -> list[dict[str, Any]]:
    """The values at both ends of an axis."""
    ends = (10**v if "tickvals" in dimension else v for v in _range(dimension))
    return [
        {"x": position, "y": y, "text": number(value, 3), "showarrow": False, "yanchor": anchor, "font": {"size": 11}}
        for value, y, anchor in zip(ends, (0, 1), ("top", "bottom"), strict=True)
    ]


def _range(dimension: dict[str, Any]) -> tuple[float, float]:
    low, high = dimension.get("range", (min(dimension["values"]), max(dimension["values"]) + 1))
    return low, high
