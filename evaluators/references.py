"""Fixed points that a front is compared with, though no configuration of the space gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from evaluators.system import EvaluationSplit, Measurement


@dataclass(frozen=True)
class Reference:
    """One such point: unprocessed input, another network, or published figures.

    Attributes:
        label: What it is called; the same on every split.
        measurement: Its metrics on a split.
        costs: Its costs, by the names that configurations have.
    """

    label: str
    measurement: Measurement
    costs: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class HasReferences(Protocol):
    """A system that names references; an optional part of `System`."""

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Those known on a split, in the order to show them; after `prepare`, in the process that does the search."""
