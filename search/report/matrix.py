"""Scatter matrix: every pair of objectives at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from search.records import TrialRecord
from search.report.hover import member_hover, record_hover
from search.report.parallel import drawn_points, varying
from search.report.quantities import Quantity
from search.report.text import plotly_text
from search.report.theme import BASELINE, EVALUATED, FRONT, figure
from search.report.view import Member, RunView, point_value

MAX_POINTS = 800
"""Evaluated trials drawn besides the front and the baselines."""

_FEW = 4
"""Up to this many dimensions, costs that are no objectives fill the matrix."""

_STYLES = (
    ("evaluated", {"color": EVALUATED, "size": 4, "opacity": 0.35}),
    ("baselines", {"color": BASELINE, "size": 7, "symbol": "square"}),
    ("front", {"color": FRONT, "size": 6}),
)


def matrix_figure(run: RunView) -> go.Figure | None:
    """Lower half of the scatter matrix, on validation; None where there are not two varying quantities."""
    points = drawn_points(run, MAX_POINTS)
    names = _dimensions(run, points)
    if len(names) < 2:
        return None
    quantities = [run.quantity(name) for name in names]
    traces = [
        _splom(run, [p for g, p in points if g == group], quantities, label, marker)
        for group, (label, marker) in enumerate(_STYLES)
    ]
    axes: dict[str, Any] = {}
    for index, shown in enumerate(quantities, 1):
        suffix = "" if index == 1 else str(index)
        axes |= {f"{side}axis{suffix}": _small(shown) for side in "xy"}
    return figure([t for t in traces if t is not None], 180 + 170 * (len(names) - 1), dragmode="select", **axes)


def _dimensions(run: RunView, points: Sequence[tuple[int, Member | TrialRecord]]) -> list[str]:
    """All objectives that vary; where they are few, further costs."""
    names = varying(run, points, run.objectives)
    others = [name for name in varying(run, points, run.cost_names) if name not in names]
    return [*names, *others[: max(_FEW - len(names), 0)]]


def _splom(
    run: RunView, points: Sequence[Member | TrialRecord], shown: Sequence[Quantity], label: str, marker: dict[str, Any]
) -> Any:
    if not points:
        return None
    return go.Splom(
        dimensions=[
            {
                "label": plotly_text(q.title, 32),
                "values": [q.scaled(point_value(p, q.name)) for p in points],
                "axis": {"type": "log" if q.is_log else "linear"},
            }
            for q in shown
        ],
        name=label,
        marker=marker,
        customdata=[p.key if isinstance(p, Member) else None for p in points],
        hovertext=[member_hover(run, p) if isinstance(p, Member) else record_hover(run, p) for p in points],
        hoverinfo="text",
        showupperhalf=False,
        diagonal={"visible": False},
    )


def _small(shown: Quantity) -> dict[str, Any]:
    """A narrow panel has room for few ticks."""
    return {"type": "log" if shown.is_log else "linear", "nticks": 5, "title": {"font": {"size": 11}}}
