"""What dynamic systems did on validation: measured shares, such as that of the channels that each block keeps."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from search.report.text import plotly_text
from search.report.theme import RUN_COLORS, figure
from search.report.view import Member, RunView


def active_members(run: RunView) -> list[Member]:
    """Front and baselines of which shares are known."""
    return [member for member in (*run.members, *run.baselines) if member.activity]


def activity_figure(activity: Mapping[str, float]) -> go.Figure:
    """Bars side by side for shares of different kinds of the same part: `kept.block0` beside `always_kept.block0`.

    Args:
        activity: Name -> share, from 0 to 1; what stands before the first dot is the kind.
    """
    kinds: dict[str, dict[str, float]] = {}
    for name, share in activity.items():
        kind, _, part = name.partition(".")
        kinds.setdefault(kind if part else "share", {})[part or kind] = share
    bars = [
        go.Bar(
            name=plotly_text(kind.replace("_", " "), 40),
            x=[plotly_text(part, 30) for part in shares],
            y=[100 * share for share in shares.values()],
            marker={"color": RUN_COLORS[k % len(RUN_COLORS)]},
            hovertemplate="%{x}: %{y:.1f} %",
        )
        for k, (kind, shares) in enumerate(kinds.items())
    ]
    return figure(bars, 320, barmode="group", yaxis={"title": {"text": "%"}, "range": [0, 100]})
