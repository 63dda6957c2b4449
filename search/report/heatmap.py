"""Heat maps of the knobs along the front: where a configuration spends its bits, channels or units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from search.report.hover import member_hover
from search.report.text import number, plotly_text
from search.report.theme import SEQUENCE, figure
from search.report.view import Member, RunView
from spaces import Value, kind_of

MAX_PRINTED_COLUMNS = 32
"""Values are written into the cells up to this many front members."""

_MAX_LABELS = 16
_MAX_DISTINCT = 10
"""Up to this many distinct values the color bar shows each one."""


def heatmap_figures(run: RunView) -> Mapping[str, go.Figure]:
    """Kind of knob (first part of the knobs' names) -> its heat map; nothing for an empty front."""
    members = ordered_members(run)
    kinds: dict[str, list[str]] = {}
    for knob in dict.fromkeys(knob for m in members for knob in m.configuration):
        kinds.setdefault(knob.split(".", 1)[0], []).append(knob)
    return {kind: _heatmap(run, members, kind, knobs) for kind, knobs in kinds.items()}


def ordering(run: RunView) -> str:
    """What the columns are ordered by: the first objective that is a cost, else the first objective."""
    return next((o for o in run.objectives if run.is_cost(o)), run.objectives[0])


def ordered_members(run: RunView) -> list[Member]:
    """The front members, rising in `ordering`; those without a value come last."""
    name = ordering(run)
    return sorted(run.members, key=lambda m: (m.value(name) is None, m.value(name), m.trial))


def _heatmap(run: RunView, members: Sequence[Member], kind: str, knobs: Sequence[str]) -> go.Figure:
    values = [[m.configuration.get(knob) for m in members] for knob in knobs]
    distinct = _distinct(values)
    codes = _codes(distinct)
    hovers = [member_hover(run, m) for m in members]
    unit = kind_of(kind).unit or kind
    rows = [knob.split(".", 1)[-1] for knob in knobs]
    trace = go.Heatmap(
        z=[[None if v is None else codes[v] for v in row] for row in values],
        colorscale=SEQUENCE,
        xgap=1,
        ygap=1,
        customdata=[[m.key for m in members] for _ in knobs],
        hovertext=[
            [f"<b>{plotly_text(name)}: {plotly_text(_shown(v))}</b><br>{h}" for v, h in zip(row, hovers, strict=True)]
            for name, row in zip(rows, values, strict=True)
        ],
        hoverinfo="text",
        colorbar=_colorbar(unit, distinct, codes),
    )
    if len(members) <= MAX_PRINTED_COLUMNS:
        trace.text = [[plotly_text(_shown(v), 8) for v in row] for row in values]
        trace.texttemplate = "%{text}"
        trace.showscale = False
    positions = list(range(len(knobs)))
    return figure(
        [trace],
        max(220, 24 * len(knobs) + 130),
        xaxis=_member_axis(run, members),
        yaxis={
            "tickvals": positions,
            "ticktext": [plotly_text(name, 32) for name in rows],
            "range": [len(knobs) - 0.5, -0.5],
            "showgrid": False,
        },
    )


def _member_axis(run: RunView, members: Sequence[Member]) -> dict[str, Any]:
    """Positions, not names, make the axis: two members may have the same value."""
    shown = run.quantity(ordering(run))
    step = -(-len(members) // _MAX_LABELS)
    marked = list(range(0, len(members), step))
    return {
        "title": {"text": plotly_text(f"front, by {shown.title}")},
        "tickvals": marked,
        "ticktext": [plotly_text(_number(shown.scaled(members[i].value(shown.name)))) for i in marked],
        "range": [-0.5, len(members) - 0.5],
        "showgrid": False,
    }


def _distinct(values: Sequence[Sequence[Value | None]]) -> list[Value]:
    """All values that occur: numbers in rising order, then labels by name."""
    found = {v for row in values for v in row if v is not None}
    return sorted(found, key=lambda v: (isinstance(v, str), v))


def _codes(distinct: Sequence[Value]) -> dict[Value, float]:
    """Numbers stand for themselves, labels for their position."""
    if any(isinstance(v, str | bool) for v in distinct):
        return {v: float(i) for i, v in enumerate(distinct)}
    return {v: float(v) for v in distinct}


def _colorbar(unit: str, distinct: Sequence[Value], codes: Mapping[Value, float]) -> dict[str, Any]:
    bar: dict[str, Any] = {"title": {"text": plotly_text(unit, 20), "side": "top"}, "thickness": 12, "outlinewidth": 0}
    if len(distinct) <= _MAX_DISTINCT:
        bar |= {"tickvals": [codes[v] for v in distinct], "ticktext": [plotly_text(_shown(v), 16) for v in distinct]}
    return bar


def _shown(value: Value | None) -> str:
    if value is None:
        return "–"
    return number(value, 3) if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "–" if value is None else number(value, 3)
