"""Random and exhaustive search."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from search.optimizers.base import Observation, SearchProblem, Unseen
from spaces import Configuration, Options


class RandomOptions(Options):
    """Options of `random`."""

    batch: int = Field(default=50, ge=1, description="configurations evaluated together")


class RandomSearch:
    """Draws every knob uniformly."""

    def __init__(self, problem: SearchProblem, options: RandomOptions, seed: int) -> None:
        self.batch_size = options.batch
        self._unseen = Unseen(problem.space, np.random.default_rng(seed))

    def ask(self, n: int) -> list[Configuration]:
        """Draw `n` unseen configurations."""
        drawn = (self._unseen.draw() for _ in range(n))
        return [configuration for configuration in drawn if configuration is not None]

    def tell(self, observations: Sequence[Observation]) -> None:
        """Remember what was evaluated."""
        for observation in observations:
            self._unseen.add(observation.configuration)


class ExhaustiveOptions(Options):
    """Options of `exhaustive`."""

    batch: int = Field(default=50, ge=1, description="configurations evaluated together")


class ExhaustiveSearch:
    """Goes through the whole space, the last knob running fastest.

    Raises:
        ValueError: If a knob is continuous.
    """

    def __init__(self, problem: SearchProblem, options: ExhaustiveOptions, seed: int) -> None:
        if problem.space.size is None:
            raise ValueError("the space has continuous knobs and cannot be enumerated")
        self.batch_size = options.batch
        self._unseen = Unseen(problem.space, np.random.default_rng(seed))
        self._rest = problem.space.enumerate()

    def ask(self, n: int) -> list[Configuration]:
        """The next `n` configurations."""
        return list(itertools.islice((c for c in self._rest if self._unseen.add(c)), n))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Remember what was evaluated."""
        for observation in observations:
            self._unseen.add(observation.configuration)
