"""Bounds on metrics and costs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """`name <= bound` or `name >= bound`."""

    name: str
    relation: Literal["<=", ">="]
    bound: float

    def excess(self, values: Mapping[str, float]) -> float:
        """How far the value lies beyond the bound, relative to the bound's size; below 0 if it keeps to it."""
        excess = values[self.name] - self.bound if self.relation == "<=" else self.bound - values[self.name]
        return excess / max(abs(self.bound), 1e-12)

    def violation(self, values: Mapping[str, float]) -> float:
        """The same, but 0 if the value keeps to the bound."""
        return max(self.excess(values), 0.0)

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:.12g}"


def parse_constraint(text: str) -> Constraint:
    """Read `NAME <= NUMBER` or `NAME >= NUMBER`.

    Raises:
        ValueError: If it is neither; the message says what is wrong.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a bound')
    name, relation, number = match.groups()
    try:
        bound = float(number)
    except ValueError as error:
        raise ValueError(f'"{number}" is not a number') from error
    if not math.isfinite(bound):
        raise ValueError(f'"{number}" bounds nothing')
    if relation in ("<", ">"):
        raise ValueError(f'"{relation}" is not supported: write "{relation}="')
    return Constraint(name, "<=" if relation == "<=" else ">=", bound)


def total_violation(constraints: Sequence[Constraint], values: Mapping[str, float]) -> float:
    """Sum of the relative violations of those constraints whose value is known."""
    return sum(c.violation(values) for c in constraints if c.name in values)
