"""Which knobs matter: what each does to a metric around the front, beside Optuna's importance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from search.report.text import number, plotly_text
from search.report.theme import EVALUATED, FRONT, figure
from search.report.view import RunView, record_value
from search.sensitivity import Sensitivities, Sensitivity, sensitivities

MOST_KNOBS = 40
"""Knobs that are drawn, those that matter most."""
FEWEST_TRIALS = 30
LEAST_DRAWN = 1e-3
"""Of the largest effect; smaller ones are drawn at this end of the axis."""


def measured_objective(run: RunView) -> str | None:
    """The first objective that only an evaluation tells."""
    return next((o for o in run.objectives if not run.is_cost(o)), None)


def run_sensitivities(run: RunView) -> Sensitivities | None:
    """What the knobs do to the first measured objective; None where the run cannot tell."""
    objective = measured_objective(run)
    records = run.evaluated
    if objective is None or len(records) < FEWEST_TRIALS or not all(r.configuration for r in records):
        return None
    names = set(records[0].configuration)
    if any(set(r.configuration) != names for r in records):
        return None
    sign = -1.0 if run.is_maximized(objective) else 1.0
    values = sign * np.array([record_value(r, objective) for r in records], dtype=np.float64)
    cost = next((o for o in run.objectives if run.is_cost(o)), None)
    costs = None if cost is None else np.array([record_value(r, cost) for r in records], dtype=np.float64)
    front = {m.trial for m in run.members}
    around = [r.configuration for r in records if r.trial in front]
    return sensitivities([r.configuration for r in records], values, costs, around)


def sensitivity_figure(run: RunView, objective: str, found: Sensitivities) -> go.Figure:
    """Effects with their uncertainty on the left, importances on the right, one row a knob."""
    shown = run.quantity(objective)
    knobs = found.knobs[:MOST_KNOBS]
    rows = [plotly_text(s.knob, 40) for s in knobs]
    # Differences are shown in the metric's unit; quantities scale linearly.
    least = LEAST_DRAWN * max(s.effect for s in knobs)  # a logarithmic axis has no zero
    effects, lows, highs = (
        [float(shown.scaled(max(getattr(s, part), least)) or 0.0) for s in knobs] for part in ("effect", "low", "high")
    )
    effect = go.Scatter(
        x=effects,
        y=rows,
        mode="markers",
        marker={"color": FRONT, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [h - e for h, e in zip(highs, effects, strict=True)],
            "arrayminus": [e - low for e, low in zip(effects, lows, strict=True)],
            "thickness": 1.2,
            "width": 3,
        },
        name="model: worst minus best setting, 10 to 90 % of refits",
        hovertext=[_hover(s, values) for s, *values in zip(knobs, effects, lows, highs, strict=True)],
        hoverinfo="text",
    )
    importance = go.Bar(
        x=[round(100 * s.importance, 2) for s in knobs],
        y=rows,
        orientation="h",
        marker={"color": EVALUATED},
        name="Optuna: share of the variance (fANOVA)",
        xaxis="x2",
        hovertemplate="%{y}: %{x:.3g} %<extra></extra>",
    )
    unit = "points" if shown.unit == "%" else shown.unit
    return figure(
        [effect, importance],
        max(240, 22 * len(knobs) + 130),
        xaxis={
            "domain": [0, 0.64],
            "title": {"text": plotly_text(f"change of {shown.label} ({unit})")},
            "type": "log",
        },
        xaxis2={"domain": [0.69, 1], "anchor": "y", "title": {"text": "importance (%)"}, "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "showgrid": True},
    )


def _hover(sensitivity: Sensitivity, values: Sequence[float]) -> str:
    effect, low, high = (number(v, 3) for v in values)
    return f"<b>{plotly_text(sensitivity.knob)}</b><br>{effect} (refits {low} to {high})"
