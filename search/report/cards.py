"""What a section of the page is made of: text around places where figures are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """One card of the page.

    Attributes:
        anchor: Its id in the page, unique.
        title: Its heading, also in the navigation; not escaped.
        caption: How to read it and which split it shows; not escaped.
        body: HTML.
        figures: Id of an element in `body` -> what is drawn there, as plain JSON.
    """

    anchor: str
    title: str
    caption: str
    body: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def single_figure(
    anchor: str, title: str, caption: str, spec: dict[str, Any], width_px: int, above: str = ""
) -> Section:
    """A section of one figure, at least so wide, below whatever HTML stands above it."""
    figure_id = f"{anchor}-figure"
    return Section(anchor, title, caption, above + sideways(place(figure_id), width_px), {figure_id: spec})


def place(figure_id: str, attribute: str = "") -> str:
    """Where the page draws a figure; an attribute says what part the figure plays when a point is selected."""
    return f'<div class="figure" id="{figure_id}" {attribute}></div>'


def sideways(content: str, width_px: int) -> str:
    """Room of at least that width; a narrower window scrolls."""
    return f'<div class="sideways"><div style="min-width:{width_px}px">{content}</div></div>'
