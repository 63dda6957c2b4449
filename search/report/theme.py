"""Colors and layout that all figures share, in a light and a dark scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import plotly.graph_objects as go

# Okabe & Ito, "Color universal design", 2008: told apart under all common color vision deficiencies. The blue is a
# little lighter than theirs, and their black and yellow are left out, so that each shows on white and on near black.
RUN_COLORS = ("#1f83c9", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
FRONT, BASELINE, REFERENCE, VIOLATING = RUN_COLORS[:4]
EVALUATED = "#8b919b"
"""Neither front nor baseline."""
SEQUENCE = "Cividis"
"""Color scale of ordered values; readable without color vision."""

_SCHEMES = {
    "light": {"ink": "#1c2128", "soft": "#5b6470", "grid": "#e5e8ec", "paper": "#ffffff", "faint": "#cdd2d9"},
    "dark": {"ink": "#e4e8ee", "soft": "#a3adba", "grid": "#2c333d", "paper": "#161b22", "faint": "#3b434e"},
}

_FAMILY = "system-ui, -apple-system, 'Segoe UI', sans-serif"

MARK_PX = 8
"""Diameter of all marks of a figure whose points can be clicked.

Of overlapping marks Plotly gives the smallest one to the pointer, of equal ones the one drawn last: with one size for
all, a front member is never out of reach below the trials around it.
"""

T = TypeVar("T")


def template(scheme: str) -> dict[str, Any]:
    """Plotly template of the `light` or `dark` scheme, as plain JSON."""
    colors = _SCHEMES[scheme]
    axis = {
        "gridcolor": colors["grid"],
        "linecolor": colors["soft"],
        "zerolinecolor": colors["grid"],
        "tickcolor": colors["grid"],
        "tickfont": {"color": colors["soft"]},
        "showline": True,
        "ticks": "outside",
        "automargin": True,
        "title": {"standoff": 12},
    }
    return {
        "layout": {
            "font": {"color": colors["ink"], "size": 13, "family": _FAMILY},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {
                "align": "left",
                "bgcolor": colors["paper"],
                "bordercolor": colors["soft"],
                "font": {"color": colors["ink"], "size": 12, "family": _FAMILY},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colors["soft"], "activecolor": FRONT},
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
        },
        # Lines there cannot be made translucent one by one, so what is faint must be close to the background.
        "data": {"parcoords": [{"line": {"colorscale": _steps((colors["faint"], BASELINE, FRONT))}}]},
    }


def _steps(colors: Sequence[str]) -> list[list[Any]]:
    """A color scale of equal steps."""
    n = len(colors)
    return [[edge, color] for i, color in enumerate(colors) for edge in (i / n, (i + 1) / n)]


def figure(traces: Sequence[Any], height: int, **layout: Any) -> go.Figure:
    """A figure of that height in px, as wide as its place, legend above."""
    return go.Figure(
        data=traces,
        layout={
            "template": template("light"),
            "height": height,
            "margin": {"l": 12, "r": 12, "t": 62, "b": 12},
            "hovermode": "closest",
            "legend": {
                "orientation": "h",
                "traceorder": "normal",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
            },
            "uirevision": "keep",
            **layout,
        },
    )


def thinned(items: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of the items, evenly spaced from the first to the last; the same ones every time."""
    if len(items) <= limit:
        return list(items)
    return [items[i * (len(items) - 1) // (limit - 1)] for i in range(limit)]
