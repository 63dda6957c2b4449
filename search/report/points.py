"""Front members and baselines as marks in a figure of two axes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from search.records import TrialRecord
from search.report.hover import member_hover
from search.report.quantities import Quantity
from search.report.text import plotly_text
from search.report.theme import MARK_PX
from search.report.view import Member, RunView, Split, point_value

TRIAL = "trial"
"""Stands for an axis where there is but one objective."""

MEMBERS = "members"
"""Marks the traces of front members and baselines for the page: `customdata` holds their keys."""

Axes = tuple[str, str]
"""Names of what is drawn on x and on y."""


def axis_pairs(run: RunView) -> list[Axes]:
    """All pairs of objectives, first those of a cost and a quality, with the cost on x.

    A single objective is drawn over the trials.
    """
    if len(run.objectives) == 1:
        return [(TRIAL, run.objectives[0])]
    ordered = sorted(run.objectives, key=run.is_cost)
    pairs = [(x, y) for y, x in itertools.combinations(ordered, 2)]
    return sorted(pairs, key=lambda axes: run.is_cost(axes[0]) == run.is_cost(axes[1]))


def axis_quantity(run: RunView, name: str) -> Quantity:
    """How an axis of the front is shown; the number of the trial counts as one."""
    if name == TRIAL and TRIAL not in run.objectives:
        return Quantity(TRIAL, "trial", "", 1.0)
    return run.quantity(name)


def coordinates(run: RunView, points: Sequence[Member | TrialRecord], axes: Axes, split: Split) -> dict[str, Any]:
    """Scaled values of points on both axes; None where one is not known."""
    return {key: [_scaled(run, p, axis, split) for p in points] for key, axis in zip("xy", axes, strict=True)}


def member_traces(run: RunView, members: Sequence[Member], axes: Axes, label: str, style: dict[str, Any]) -> list[Any]:
    """Marks of members on validation, filled, and on test, open and with a bar of one standard error.

    Args:
        run: Where they come from.
        members: Front members or baselines.
        axes: What is drawn.
        label: Name in the legend, not escaped.
        style: Of the validation trace; the color and symbol of its marker also serve the test trace.
    """
    marker = style["marker"]
    common = {
        "customdata": [m.key for m in members],
        "hovertext": [member_hover(run, m) for m in members],
        "hoverinfo": "text",
        "meta": MEMBERS,
    }
    name = plotly_text(label, 40)
    traces = [
        go.Scatter(**coordinates(run, members, axes, "validation"), name=f"{name}, validation", **common, **style)
    ]
    if any(m.metrics["test"] for m in members):
        traces.append(
            go.Scatter(
                **coordinates(run, members, axes, "test"),
                name=f"{name}, test ± standard error",
                mode="markers",
                marker={**marker, "symbol": f"{marker['symbol']}-open", "line": {"width": 1.5}},
                error_x=_error_bars(members, axis_quantity(run, axes[0]), marker["color"]),
                error_y=_error_bars(members, axis_quantity(run, axes[1]), marker["color"]),
                **common,
            )
        )
    return traces


def baseline_traces(run: RunView, baselines: Sequence[Member], axes: Axes, color: str) -> list[Any]:
    """One labelled line for each family of baselines (`2 bits`, `4 bits`, ... are one), ordered along x."""
    families: dict[str, list[Member]] = {}
    for baseline in baselines:
        families.setdefault(re.sub(r"[\d.]+", "#", baseline.label), []).append(baseline)
    traces: list[Any] = []
    for members in families.values():
        members.sort(key=lambda m: (_scaled(run, m, axes[0], "validation") or 0.0, m.key))
        style = {
            "mode": "lines+markers+text",
            "marker": {"color": color, "size": MARK_PX, "symbol": "square"},
            "line": {"color": color, "width": 1, "dash": "dot"},
            "text": [plotly_text(m.label, 24) for m in members],
            "textposition": "top right",
            "cliponaxis": False,
            "textfont": {"color": color, "size": 11},
        }
        traces += member_traces(run, members, axes, "baselines", style)
    return traces


def reference_traces(run: RunView, references: Sequence[Member], axes: Axes, color: str) -> list[Any]:
    """Labelled diamonds, as far as both values of a reference are known; published ones are known on test alone."""
    if not references:
        return []
    # Those that these axes do not know are there without a place: all choices of axes have the same traces.
    members = list(references)
    on_validation = [m for m in references if _is_drawn(run, m, axes, "validation")]
    texts = {"textposition": "bottom right", "cliponaxis": False, "textfont": {"color": color, "size": 11}}
    labels = [plotly_text(m.label, 28) for m in members]
    marker = {"color": color, "size": MARK_PX, "symbol": "diamond"}
    style = {"mode": "markers+text", "marker": marker, "text": labels, **texts}
    traces = member_traces(run, members, axes, "references", style)
    on_test_alone = ["" if m in on_validation else label for m, label in zip(members, labels, strict=True)]
    for trace in traces[1:]:
        trace.update(mode="markers+text", text=on_test_alone, **texts)
    return traces


def _is_drawn(run: RunView, member: Member, axes: Axes, split: Split) -> bool:
    return all(_scaled(run, member, axis, split) is not None for axis in axes)


def staircase(run: RunView, axes: Axes, color: str) -> Any:
    """The border of what the front dominates on validation."""
    points = zip(*coordinates(run, run.members, axes, "validation").values(), strict=True)
    known = sorted((x, y) for x, y in points if x is not None and y is not None)
    return go.Scatter(
        x=[x for x, _ in known],
        y=[y for _, y in known],
        mode="lines",
        line={"color": color, "width": 1.2, "shape": "vh" if run.is_maximized(axes[0]) else "hv"},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


def joined_legend(traces: Sequence[Any]) -> list[Any]:
    """The traces, those of the same name under one entry of the legend."""
    seen: set[str] = set()
    for trace in traces:
        if trace.name is not None:
            trace.legendgroup = trace.name
            trace.showlegend = trace.name not in seen
            seen.add(trace.name)
    return list(traces)


def _scaled(run: RunView, point: Member | TrialRecord, axis: str, split: Split) -> float | None:
    if axis == TRIAL and TRIAL not in run.objectives:
        return point.trial
    value = point.value(axis, split) if isinstance(point, Member) else point_value(point, axis)
    return run.quantity(axis).scaled(value)


def _error_bars(members: Sequence[Member], shown: Quantity, color: str) -> dict[str, Any]:
    errors = [shown.scaled(m.standard_error(shown.name, "test")) for m in members]
    if not any(errors):
        return {"visible": False}
    return {"type": "data", "array": [error or 0.0 for error in errors], "color": color, "thickness": 1.2, "width": 3}
