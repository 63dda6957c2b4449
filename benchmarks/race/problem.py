"""What contestants race on: a space, objective values, what is exact beforehand, and a way to count evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.optimizers import Observation
from search.pareto import front_indices, hypervolume
from spaces import Configuration, Space, canonical


@dataclass(frozen=True)
class RaceProblem:
    """A problem of the race; everything is minimized.

    Attributes:
        name: In tables.
        space: What can be chosen.
        n_objectives: Length of the values.
        evaluate: Configurations -> observations, in order.
        corner: Reference point of the hypervolume, shape (n_objectives,).
        evaluations: Unique evaluations that each contestant has.
        costs: Configuration -> exact values, NaN where only an evaluation tells; None where nothing is exact.
        front: Values of a known best front, shape (n_points, n_objectives); None: a long run gives the reference.
        is_constrained: Whether observations can have a violation.
    """

    name: str
    space: Space
    n_objectives: int
    evaluate: Callable[[Sequence[Configuration]], list[Observation]]
    corner: NDArray[np.float64]
    evaluations: int
    costs: Callable[[Configuration], tuple[float, ...]] | None = None
    front: NDArray[np.float64] | None = None
    is_constrained: bool = False


class SpentError(Exception):
    """A contestant has used up its evaluations."""


@dataclass
class Ledger:
    """Evaluates for one contestant and counts; what was evaluated before is answered and not counted.

    Attributes:
        problem: Raced on.
        limit: Unique evaluations.
        observations: One for each unique evaluation, in order.
    """

    REPEATS = 50
    """Questions for each unique evaluation after which a contestant that only repeats itself is stopped."""

    problem: RaceProblem
    limit: int
    observations: list[Observation] = field(default_factory=list)
    _known: dict[str, Observation] = field(default_factory=dict)
    _questions: int = 0

    def evaluate(self, configurations: Sequence[Configuration]) -> list[Observation]:
        """Answer a batch; the part of it that is beyond the limit counts for nothing.

        Raises:
            SpentError: If the limit is reached.
        """
        self._questions += len(configurations)
        # What differs in knobs without effect is the same network, whoever asks.
        configurations = [self.problem.space.settled(c) for c in configurations]
        keys = [canonical(c) for c in configurations]
        new = {key: c for key, c in zip(keys, configurations, strict=True) if key not in self._known}
        for key, observation in zip(new, self.problem.evaluate(list(new.values())), strict=True):
            self._known[key] = observation
            self.observations.append(observation)
        if len(self.observations) >= self.limit or self._questions > self.REPEATS * self.limit:
            del self.observations[self.limit :]
            raise SpentError
        return [self._known[key] for key in keys]

    def hypervolume(self, n: int) -> float:
        """Hypervolume of the first `n` unique evaluations, or of all that a contestant which ended early has made."""
        values = np.array([o.values for o in self.observations[:n] if o.is_feasible], dtype=np.float64)
        values = values.reshape(-1, self.problem.n_objectives)
        return hypervolume(values[front_indices(values)], self.problem.corner)
