"""What a system lets a search control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spaces.parameters import Value


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`."""

    low: float
    high: float

    def contains(self, value: Value) -> bool:
        """Whether `value` is a number inside the interval."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choices:
    """Values to choose from."""

    values: tuple[Value, ...]

    def contains(self, value: Value) -> bool:
        """Whether `value` is one of them."""
        return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in self.values)

    def __str__(self) -> str:
        numbers = [v for v in self.values if isinstance(v, int) and not isinstance(v, bool)]
        if len(numbers) == len(self.values) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{numbers[0]} to {numbers[-1]}"
        return ", ".join(str(v) for v in self.values)


Domain = Interval | Choices


@dataclass(frozen=True)
class Condition:
    """When a knob has any effect.

    Attributes:
        knob: Full name of another knob, with a list of choices and without a condition (`exits.placement`).
        values: Those of its values with which this knob has an effect.
    """

    knob: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Knob:
    """One thing that a system lets a search control.

    Attributes:
        domain: The values the system can realize.
        default: The value it has where a study does not search it, e.g. full precision.
        condition: When it has any effect; elsewhere searches leave it at its default. None: always.
    """

    domain: Domain
    default: Value
    condition: Condition | None = None


KnobGroup = Mapping[str, Knob]
"""Knobs of one kind: name within the kind (`gru0.input_reset`) -> knob."""


def knob_group(kind: str, knobs: Any) -> KnobGroup:
    """Read the knobs of one kind as a user's system may write them.

    Each knob is a `Knob`, a `Choices`, an `Interval` or a plain sequence of choices. The default of a bare
    domain is its last choice or its upper end.

    Raises:
        TypeError: If it is none of these, with the knob's name.
    """
    if not kind.isidentifier():
        raise TypeError(f"kind {kind!r} must be a name without dots or spaces")
    if not isinstance(knobs, Mapping) or not knobs:
        raise TypeError(f"knobs of kind {kind!r} must be a mapping from names to choices, got {knobs!r}")
    return {str(name): _knob(f"{kind}.{name}", knob) for name, knob in knobs.items()}


def _knob(name: str, knob: Any) -> Knob:
    match knob:
        case Knob(Interval() | Choices() as domain, default) if domain.contains(default):
            return knob
        case Knob(Interval() | Choices() as domain, default):
            raise TypeError(f"knob {name!r} has the default {default!r}, which it cannot take: {domain}")
        case Interval(low, high) if low < high:
            return Knob(knob, high)
        case Choices(values) if values:
            return Knob(knob, values[-1])
        case str() | bytes():
            pass
        case Sequence() if knob and all(isinstance(v, int | float | str | bool) for v in knob):
            return Knob(Choices(tuple(knob)), knob[-1])
    raise TypeError(f"knob {name!r} must be a sequence of choices, Choices, Interval or Knob, got {knob!r}")


def check_conditions(groups: Mapping[str, KnobGroup]) -> None:
    """Check what the conditions of a system's knobs say of other knobs.

    Args:
        groups: Kind -> all knobs of that kind.

    Raises:
        TypeError: If one cannot be followed, with the knob's name.
    """
    knobs = {f"{kind}.{name}": knob for kind, group in groups.items() for name, knob in group.items()}
    for name, knob in knobs.items():
        if knob.condition is None:
            continue
        other, values = knobs.get(knob.condition.knob), knob.condition.values
        if other is None:
            raise TypeError(f"knob {name!r} depends on {knob.condition.knob!r}, which is no knob of the system")
        if other.condition is not None or not isinstance(other.domain, Choices):
            raise TypeError(f"knob {name!r} depends on {knob.condition.knob!r}: it must have choices and no condition")
        if not values or not all(map(other.domain.contains, values)):
            raise TypeError(f"knob {name!r} depends on {knob.condition.knob!r} being {values!r}; it is {other.domain}")
