"""What each operator of one configuration costs; the page shows it for the point that is clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from search.report.quantities import Quantity, quantity
from search.report.text import plotly_lines, plotly_text
from search.report.theme import EVALUATED, RUN_COLORS, figure
from search.report.view import Member, RunView

BYTES = (("weight_bytes", "weights", RUN_COLORS[0]), ("constant_bytes", "constants", RUN_COLORS[4]))
"""Field of an operator, its name in the legend and its color; the segments add up to the model's bytes."""

MACS = ("macs", "MACs", RUN_COLORS[2])


def breakdown_members(run: RunView) -> list[Member]:
    """Everything that can be clicked and has a breakdown: front and baselines."""
    return [m for m in (*run.members, *run.baselines) if m.operators]


def default_member(run: RunView) -> Member | None:
    """What is shown first: the knee, or whatever has a breakdown."""
    known = breakdown_members(run)
    return run.knee if run.knee in known else next(iter(known), None)


class Breakdowns:
    """Figures of the members of one run, all with the same rows and scales: to be compared by clicking."""

    def __init__(self, run: RunView) -> None:
        widest = _largest_baseline(run)
        self._names = _operator_names(run)
        self._size = _scale(run, [field for field, _, _ in BYTES], "model_bytes")
        self._work = _scale(run, [MACS[0]], MACS[0])
        self._ticks = [] if widest is None else self._ticks_of(widest)

    def figure(self, member: Member) -> go.Figure:
        """Horizontal bars, one row for each operator: bytes on the left, MACs on the right.

        A tick marks what the operator costs in the largest baseline.
        """
        operators = {str(op["name"]): op for op in member.operators}
        traces = [_bar(self._names, operators, field, label, color, self._size, "x") for field, label, color in BYTES]
        traces.append(_bar(self._names, operators, *MACS, self._work, "x2"))
        return figure(
            [*traces, *self._ticks],
            max(240, 26 * len(self._names) + 130),
            barmode="stack",
            xaxis={**_bar_axis(self._size), "domain": [0.0, 0.47]},
            xaxis2={**_bar_axis(self._work), "domain": [0.53, 1.0], "anchor": "y"},
            yaxis={
                "tickvals": list(range(len(self._names))),
                "ticktext": [plotly_text(name, 32) for name in self._names],
                "range": [len(self._names) - 0.5, -0.5],
                "showgrid": False,
            },
        )

    def _ticks_of(self, widest: Member) -> list[Any]:
        label = plotly_text(widest.label, 32)
        reference = {str(op["name"]): op for op in widest.operators}
        return [
            _ticks(self._names, reference, [field for field, _, _ in BYTES], self._size, "x", label),
            _ticks(self._names, reference, [MACS[0]], self._work, "x2", None),
        ]


def _operator_names(run: RunView) -> list[str]:
    return list(dict.fromkeys(str(op["name"]) for m in breakdown_members(run) for op in m.operators))


def _largest_baseline(run: RunView) -> Member | None:
    known = [m for m in run.baselines if m.operators]
    return max(known, key=lambda m: sum(_amount(op, f) for op in m.operators for f, _, _ in BYTES), default=None)


def _scale(run: RunView, fields: Sequence[str], name: str) -> Quantity:
    """Quantity whose prefix suits the largest sum of the fields in any operator."""
    sums = [sum(_amount(op, f) for f in fields) for m in breakdown_members(run) for op in m.operators]
    return quantity(name, (0.0, max(sums, default=0.0)))


def _bar(
    names: Sequence[str], operators: Mapping[str, Any], field: str, label: str, color: str, shown: Quantity, axis: str
) -> Any:
    rows = [operators.get(name, {}) for name in names]
    return go.Bar(
        x=[shown.scaled(_amount(row, field)) for row in rows],
        y=list(range(len(names))),
        orientation="h",
        name=label,
        marker={"color": color},
        xaxis=axis,
        yaxis="y",
        hovertext=[_hover(name, row, field, label, shown) for name, row in zip(names, rows, strict=True)],
        hoverinfo="text",
        textposition="none",
    )


def _ticks(
    names: Sequence[str], operators: Mapping[str, Any], fields: Sequence[str], shown: Quantity, axis: str, label: Any
) -> Any:
    sums = [shown.scaled(sum(_amount(operators.get(name, {}), f) for f in fields)) for name in names]
    return go.Scatter(
        x=sums,
        y=list(range(len(names))),
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 14, "color": EVALUATED, "line": {"width": 2}},
        xaxis=axis,
        yaxis="y",
        name=label,
        showlegend=label is not None,
        hoverinfo="skip",
    )


def _hover(name: str, row: Mapping[str, Any], field: str, label: str, shown: Quantity) -> str:
    lines = [name, f"{label}: {shown.show(_amount(row, field))}"]
    if "kind" in row:
        lines.insert(1, str(row["kind"]))
    if row.get("weight_bits"):
        lines.append(f"{row['weight_bits']}-bit weights")
    return plotly_lines(lines)


def _amount(row: Mapping[str, Any], field: str) -> float:
    value = row.get(field, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _bar_axis(shown: Quantity) -> dict[str, Any]:
    return {"title": {"text": plotly_text(shown.title)}, "rangemode": "tozero"}
