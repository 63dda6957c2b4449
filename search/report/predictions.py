"""Predicted against true values of members of the front, example by example."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from search.illustrations import StoredPredictions
from search.report.text import number, plotly_text
from search.report.theme import EVALUATED, FRONT, figure, thinned
from search.report.view import RunView

MAX_POINTS = 600
"""Drawn of each configuration."""
_MARGIN = 0.04
"""Of the range, around the points."""


def drawn_predictions(run: RunView) -> dict[str, StoredPredictions]:
    """Key of a front member -> its predictions, where they are known."""
    by_trial = {found.trial: found for found in reversed(run.illustrations.predictions)}
    return {member.key: by_trial[member.trial] for member in run.members if member.trial in by_trial}


def prediction_figures(drawn: Mapping[str, StoredPredictions]) -> dict[str, go.Figure]:
    """Key -> predicted over true values; the same range on all axes, so that members can be compared.

    Args:
        drawn: At least one.
    """
    values = [value for found in drawn.values() for value in (*found.true, *found.predicted)]
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low or 1.0)
    return {key: _figure(found, (low - margin, high + margin)) for key, found in drawn.items()}


def _figure(found: StoredPredictions, limits: tuple[float, float]) -> go.Figure:
    points = thinned(list(zip(found.true, found.predicted, found.names, strict=True)), MAX_POINTS)
    line = {"color": EVALUATED, "width": 1, "dash": "dot"}
    equal = go.Scatter(x=list(limits), y=list(limits), mode="lines", line=line, hoverinfo="skip")
    marks = go.Scatter(
        x=[true for true, _, _ in points],
        y=[predicted for _, predicted, _ in points],
        mode="markers",
        marker={"color": FRONT, "size": 6, "opacity": 0.55},
        hovertext=[
            f"<b>{plotly_text(name)}</b><br>true {number(true)}<br>predicted {number(predicted)}"
            for true, predicted, name in points
        ],
        hoverinfo="text",
    )
    quantity = plotly_text(found.quantity, 50)
    axis = {"range": list(limits), "constrain": "domain"}
    return figure(
        [equal, marks],
        460,
        xaxis={**axis, "title": {"text": f"true {quantity}"}},
        yaxis={**axis, "title": {"text": f"predicted {quantity}"}, "scaleanchor": "x"},
        showlegend=False,
        margin={"l": 12, "r": 12, "t": 24, "b": 12},
    )
