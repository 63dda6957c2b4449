"""Which labels of a figure are drawn: those that do not run into one another; hovering tells the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

PLOT_PX = (900.0, 420.0)
"""Usual size of what the axes enclose."""
CHARACTER_PX = 6.0
LINE_PX = 14.0


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )


def thin_labels(traces: Sequence[Any]) -> None:
    """Blank each label that would run into one before it, in the order of the traces.

    Args:
        traces: All of a figure of two linear axes; their positions say how large it is.
    """
    spans = [_span([value for trace in traces for value in trace[axis] or ()]) for axis in "xy"]
    drawn: list[_Box] = []
    for trace in traces:
        if trace.text is None or isinstance(trace.text, str):
            continue
        texts = list(trace.text)
        for k, box in _boxes(trace, spans):
            if any(box.meets(other) for other in drawn):
                texts[k] = ""
            else:
                drawn.append(box)
        trace.text = texts


def _boxes(trace: Any, spans: Sequence[tuple[float, float]]) -> Iterator[tuple[int, _Box]]:
    """Number and place, in pixels, of the labels of a trace."""
    below, leftwards = trace.textposition.startswith("bottom"), trace.textposition.endswith("left")
    for k, (x, y, text) in enumerate(zip(trace.x, trace.y, trace.text, strict=True)):
        if x is None or y is None or not text:
            continue
        (low_x, width), (low_y, height) = spans
        left, bottom = PLOT_PX[0] * (x - low_x) / width, PLOT_PX[1] * (y - low_y) / height
        left -= CHARACTER_PX * len(text) if leftwards else 0.0
        bottom -= LINE_PX if below else 0.0
        yield k, _Box(left, bottom, left + CHARACTER_PX * len(text), bottom + LINE_PX)


def _span(values: Sequence[float | None]) -> tuple[float, float]:
    """Smallest value and the extent, which is never 0."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return low, (high - low) or 1.0
