"""Scatter matrix: every pair of objectives at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import plotly.graph_objects as go

from search.records import TrialRecord
from search.report.hover import member_hover
from search.report.parallel import drawn_points, varying
from search.report.points import coordinates
from search.report.text import plotly_text
from search.report.theme import BASELINE, EVALUATED, FRONT, figure
from search.report.view import Member, RunView

MAX_MARKS = 6000
"""Marks of evaluated trials in all panels together; more make browsers slow."""

_FEW = 4
"""Up to this many dimensions, costs that are no objectives fill the matrix."""

_GAP = 0.03
"""Between panels, as a share of the figure."""

# All of 6 px at most, which Plotly treats as equal; see `theme.MARK_PX`.
_STYLES = (
    ("evaluated", {"color": EVALUATED, "size": 4, "opacity": 0.35}),
    ("baselines", {"color": BASELINE, "size": 6, "symbol": "square"}),
    ("front", {"color": FRONT, "size": 6}),
)


def matrix_figure(run: RunView) -> go.Figure | None:
    """Lower half of the scatter matrix, on validation; None where there are not two varying quantities.

    The panels of a column share their x axis, those of a row their y axis.
    """
    names = matrix_dimensions(run)
    if len(names) < 2:
        return None
    panels = list(combinations(range(len(names)), 2))
    points = drawn_points(run, MAX_MARKS // len(panels))
    traces = [
        _panel(run, [p for g, p in points if g == group], (names[x], names[y]), (x, y - 1), group)
        for x, y in panels
        for group in range(len(_STYLES))
    ]
    axes: dict[str, Any] = {}
    n = len(names) - 1
    for i in range(n):
        across, down = _domain(i, n), _domain(n - 1 - i, n)
        axes[f"xaxis{_suffix(i)}"] = _axis(run, names[i], across) | {"anchor": f"y{_suffix(n - 1)}"}
        axes[f"yaxis{_suffix(i)}"] = _axis(run, names[i + 1], down) | {"anchor": "x"}
    return figure(traces, 120 + 170 * n, **axes)


def matrix_dimensions(run: RunView) -> list[str]:
    """All objectives that vary; where they are few, further costs."""
    points = drawn_points(run, len(run.background))
    names = varying(points, run.objectives)
    others = [name for name in varying(points, run.cost_names) if name not in names]
    return [*names, *others[: max(_FEW - len(names), 0)]]


def _panel(
    run: RunView,
    points: Sequence[Member | TrialRecord],
    names: tuple[str, str],
    at: tuple[int, int],
    group: int,
) -> Any:
    label, marker = _STYLES[group]
    members = [p for p in points if isinstance(p, Member)]
    return go.Scatter(
        **coordinates(run, points, names, "validation"),
        mode="markers",
        marker=marker,
        name=label,
        legendgroup=label,
        showlegend=at == (0, 0),
        xaxis=f"x{_suffix(at[0])}",
        yaxis=f"y{_suffix(at[1])}",
        customdata=[m.key for m in members] or None,
        # The trials behind are too many to say more of each in every panel.
        hovertext=[member_hover(run, p) if isinstance(p, Member) else f"trial {p.trial}" for p in points],
        hoverinfo="text",
    )


def _axis(run: RunView, name: str, domain: list[float]) -> dict[str, Any]:
    shown = run.quantity(name)
    return {
        "type": "log" if shown.is_log else "linear",
        "domain": domain,
        "nticks": 5,
        "title": {"text": plotly_text(shown.title, 28), "font": {"size": 12}},
    }


def _domain(index: int, n: int) -> list[float]:
    width = (1 - _GAP * (n - 1)) / n
    return [index * (width + _GAP), min(index * (width + _GAP) + width, 1.0)]


def _suffix(index: int) -> str:
    """Plotly calls its axes x, x2, x3, ..."""
    return "" if index == 0 else str(index + 1)
