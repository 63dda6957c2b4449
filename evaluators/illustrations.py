"""What a system can show of some configurations beside numbers: sounds, decisions over time, and predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from spaces import Configuration

SoundFormat = Literal["flac", "wav"]


@dataclass(frozen=True)
class Sound:
    """Something to listen to.

    Attributes:
        example: What was processed, such as the name of a clip; sounds of one example are compared with each other.
        title: What this one is, such as `noisy`; empty for a configuration.
        content: The whole file.
        format: Of the file.
        of: Position of the configuration that made it; None if none of them did.
    """

    example: str
    title: str
    content: bytes
    format: SoundFormat
    of: int | None = None


@dataclass(frozen=True)
class Steps:
    """A decision over time.

    Attributes:
        title: What is decided, and for which example.
        levels: What can be decided, from below.
        values: Positions in `levels`, one a step.
        step_ms: Duration of a step.
        of: Position of the configuration that decides.
        part: Of the system, where several decide; their titles, levels and steps are the same.
    """

    title: str
    levels: Sequence[str]
    values: Sequence[int]
    step_ms: float
    of: int
    part: str = ""


@dataclass(frozen=True)
class Predictions:
    """Predicted values of something against its true ones.

    Attributes:
        title: What is predicted, and for which examples.
        quantity: What the values are, with the unit if there is one.
        true: One for each example.
        predicted: In the same order.
        names: Of the examples.
        of: Position of the configuration that predicts.
    """

    title: str
    quantity: str
    true: Sequence[float]
    predicted: Sequence[float]
    names: Sequence[str]
    of: int


Illustration = Sound | Steps | Predictions


def illustration_error(item: Any, n_configurations: int) -> str | None:
    """What keeps an object from being an illustration of one of so many configurations; None if nothing does."""
    match item:
        case Sound(content=bytes(), format="flac" | "wav", of=of) if of is None or _is_within(of, n_configurations):
            return None
        case Steps(levels=levels, values=values, of=of) if _is_within(of, n_configurations):
            if item.step_ms > 0 and values and all(_is_within(value, len(levels)) for value in values):
                return None
            return "returned steps whose values are no positions in their levels, or that last no time"
        case Predictions(of=of) if _is_within(of, n_configurations):
            lengths = {len(item.true), len(item.predicted), len(item.names)}
            if len(lengths) == 1 and item.names and all(map(math.isfinite, (*item.true, *item.predicted))):
                return None
            return "returned predictions without a finite true and predicted value and a name for each example"
    kinds = "Sound, Steps and Predictions"
    return f"must return {kinds} objects of the {n_configurations} configurations, got {type(item).__name__}"


def _is_within(position: Any, n: int) -> bool:
    return type(position) is int and 0 <= position < n


@runtime_checkable
class Illustrated(Protocol):
    """A system that can illustrate configurations; an optional part of `System`."""

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """What there is to show of them, a few megabytes at most; after `prepare`."""
