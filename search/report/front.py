"""The figure of the front: validation and test, baselines, and everything else that was evaluated."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from search.report.hover import record_hover
from search.report.labels import thin_labels
from search.report.points import (
    Axes,
    axis_pairs,
    axis_quantity,
    baseline_traces,
    coordinates,
    joined_legend,
    member_traces,
    reference_traces,
    staircase,
)
from search.report.theme import BASELINE, EVALUATED, FRONT, MARK_PX, REFERENCE, VIOLATING, figure, thinned
from search.report.view import RunView

MAX_EVALUATED = 2000
"""Evaluated trials drawn behind the front."""


def front_figure(run: RunView, axes: Axes | None = None) -> go.Figure:
    """Draw the front of a run with its baselines and references.

    Args:
        run: The run.
        axes: Objectives on x and y; by default the first of `points.axis_pairs`.
    """
    x, y = axes or axis_pairs(run)[0]
    steps = [staircase(run, (x, y), FRONT)] if len(run.objectives) == 2 and run.is_feasible else []
    traces = [
        _evaluated(run, (x, y)),
        *baseline_traces(run, run.baselines, (x, y), BASELINE),
        *reference_traces(run, run.references, (x, y), REFERENCE),
        *steps,
        *member_traces(run, run.members, (x, y), *_front_style(run)),
        _ring(),
    ]
    thin_labels(traces)
    axis_x, axis_y = axis_quantity(run, x), axis_quantity(run, y)
    return figure(joined_legend(traces), 520, xaxis=axis_x.axis(), yaxis=axis_y.axis())


def _front_style(run: RunView) -> tuple[str, dict[str, Any]]:
    if run.is_feasible:
        return "front", {"mode": "markers", "marker": {"color": FRONT, "size": MARK_PX, "symbol": "circle"}}
    return "least violating", {"mode": "markers", "marker": {"color": VIOLATING, "size": MARK_PX, "symbol": "star"}}


def _evaluated(run: RunView, axes: Axes) -> Any:
    drawn = thinned(run.background, MAX_EVALUATED)
    return go.Scatter(
        **coordinates(run, drawn, axes, "validation"),
        name="evaluated, validation",
        mode="markers",
        marker={"color": EVALUATED, "size": MARK_PX, "opacity": 0.18},
        hovertext=[record_hover(run, record) for record in drawn],
        hoverinfo="text",
    )


def _ring() -> Any:
    """Marks the selected point; the page moves it."""
    marker = {"symbol": "circle-open", "size": 17, "color": EVALUATED, "line": {"width": 2}}
    return go.Scatter(x=[], y=[], mode="markers", marker=marker, hoverinfo="skip", showlegend=False, meta="ring")
