"""Figures as the page carries them: plain JSON, and variants of a figure as differences from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go


def embedded(
    figure: go.Figure,
    variants: Mapping[str, go.Figure] | None = None,
    without_webgl: go.Figure | None = None,
) -> dict[str, Any]:
    """The traces and layout of a figure, without template, which the page adds to suit its color scheme.

    Args:
        figure: What is shown first.
        variants: Other figures with the same number of traces that can be shown in its place, by a key. Of each only
            those properties are kept in which it differs.
        without_webgl: What is shown in browsers without WebGL, if `figure` needs it.

    Raises:
        ValueError: If a variant has another number of traces.
    """
    data, layout = _plain(figure)
    different = {key: _variant(data, layout, variant) for key, variant in (variants or {}).items()}
    spec = {"data": data, "layout": layout, "variants": different}
    return spec if without_webgl is None else {**spec, "without_webgl": embedded(without_webgl)}


def _variant(data: list[Any], layout: dict[str, Any], other: go.Figure) -> dict[str, Any]:
    other_data, other_layout = _plain(other)
    pairs = zip(data, other_data, strict=True)
    return {"data": [_difference(a, b) for a, b in pairs], "layout": _difference(layout, other_layout)}


def _plain(figure: go.Figure) -> tuple[list[Any], dict[str, Any]]:
    document = figure.to_plotly_json()
    layout = {key: value for key, value in document["layout"].items() if key != "template"}
    return [_listed(trace) for trace in document["data"]], _listed(layout)


def _difference(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Properties by which `base` becomes `other`; null takes one away."""
    changed = {key: value for key, value in other.items() if key not in base or base[key] != value}
    return {**changed, **{key: None for key in base if key not in other}}


def _listed(value: Any) -> Any:
    """The same with lists for tuples, as JSON has no others."""
    if isinstance(value, Mapping):
        return {key: _listed(inner) for key, inner in value.items()}
    return [_listed(inner) for inner in value] if isinstance(value, list | tuple) else value
