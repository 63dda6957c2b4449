"""What one knob may be set to: an ordered number, a category or a number from an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Value = int | float | str | bool


@dataclass(frozen=True)
class _Listed:
    """What knobs with a list of choices share."""

    name: str
    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError(f"{self.name}: no choices")

    @cached_property
    def _index(self) -> dict[Value, int]:
        return {choice: index for index, choice in enumerate(self.choices)}

    @property
    def n_levels(self) -> int:
        """Number of choices."""
        return len(self.choices)

    def encode(self, value: Value) -> float:
        """Position of `value` among the choices, from 0."""
        return float(self._index[value])

    def decode(self, code: float) -> Value:
        """Choice nearest to position `code`; positions outside the range are clipped."""
        return self.choices[min(max(math.floor(code + 0.5), 0), len(self.choices) - 1)]

    def sample(self, rng: np.random.Generator) -> Value:
        """One choice, uniformly."""
        return self.choices[int(rng.integers(len(self.choices)))]

    def contains(self, value: Value) -> bool:
        """Whether `value` is one of the choices."""
        return value in self._index

    def levels(self, n: int = 0) -> tuple[Value, ...]:
        """All choices."""
        return self.choices


@dataclass(frozen=True)
class Ordered(_Listed):
    """Numbers to choose from, in rising order: bit widths, pruning ratios, utilization factors."""

    choices: tuple[int | float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(isinstance(c, str | bool) or not math.isfinite(c) for c in self.choices):
            raise ValueError(f"{self.name}: ordered choices must be finite numbers, got {self.choices}")
        if list(self.choices) != sorted(set(self.choices)):
            raise ValueError(f"{self.name}: ordered choices must rise without repeats, got {self.choices}")

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        """The choices one step below and above."""
        index = self._index[value]
        return tuple(self.choices[i] for i in (index - 1, index + 1) if 0 <= i < len(self.choices))

    def contains(self, value: Value) -> bool:
        """Whether `value` is one of the choices; True and False are no numbers here."""
        return not isinstance(value, bool) and super().contains(value)


@dataclass(frozen=True)
class Categorical(_Listed):
    """Labels without an order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"{self.name}: repeated choice in {self.choices}")

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        """Every other choice: without an order all are one step away."""
        return tuple(choice for choice in self.choices if choice != value)


@dataclass(frozen=True)
class Continuous:
    """A number from [low, high], rounded to a millionth of the interval so that a configuration has one spelling."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.name}: need finite low < high, got {self.low} and {self.high}")

    @cached_property
    def _decimals(self) -> int:
        """Digits behind the point: steps of about a millionth of the interval, and no finer than a float can hold."""
        span, largest = self.high - self.low, max(abs(self.low), abs(self.high))
        return min(6 - math.floor(math.log10(span)), 14 - math.ceil(math.log10(largest)))

    @property
    def n_levels(self) -> None:
        """No levels: the space is not countable."""
        return

    def encode(self, value: Value) -> float:
        """`value` scaled to [0, 1]."""
        return (float(value) - self.low) / (self.high - self.low)

    def decode(self, code: float) -> Value:
        """The number at share `code` of the interval; shares outside [0, 1] are clipped."""
        value = round(self.low + min(max(code, 0.0), 1.0) * (self.high - self.low), self._decimals)
        return min(max(value, self.low), self.high)

    def sample(self, rng: np.random.Generator) -> Value:
        """One number, uniformly."""
        return self.decode(float(rng.random()))

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        """A tenth of the interval down and up."""
        code = self.encode(value)
        near = (self.decode(code - 0.1), self.decode(code + 0.1))
        return tuple(v for v in dict.fromkeys(near) if v != value)

    def contains(self, value: Value) -> bool:
        """Whether `value` is a number inside the interval."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def levels(self, n: int = 5) -> tuple[Value, ...]:
        """`n` evenly spaced numbers, both ends included."""
        return tuple(self.decode(i / (n - 1)) for i in range(n))


Parameter = Ordered | Categorical | Continuous


def parameter_of(name: str, choices: Sequence[Value]) -> Ordered | Categorical:
    """Ordered where all choices are numbers (sorted, repeats dropped), else categorical."""
    if all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices):
        return Ordered(name, tuple(sorted(set(choices))))  # type: ignore[arg-type]
    return Categorical(name, tuple(dict.fromkeys(choices)))
