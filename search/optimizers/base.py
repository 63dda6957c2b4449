"""What every optimizer is: ask proposes unseen configurations, tell learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from spaces import Configuration, Space, canonical


@dataclass(frozen=True)
class Observation:
    """What is known of one configuration; everything is minimized.

    Attributes:
        configuration: The configuration.
        values: One number for each objective, in the study's order; None if it was not or could not be evaluated.
        violation: Sum of the relative violations of the constraints; 0 if feasible.
        excesses: How far each constraint that only an evaluation tells is exceeded, relative to its bound and below 0
            where it is kept, in the study's order; empty where that is not known.
    """

    configuration: Configuration
    values: tuple[float, ...] | None
    violation: float = 0.0
    excesses: tuple[float, ...] = ()

    @property
    def is_feasible(self) -> bool:
        """Whether it was evaluated and keeps to every constraint."""
        return self.values is not None and self.violation == 0


@dataclass(frozen=True)
class Foretold:
    """What is exact of a configuration before anything is evaluated.

    Attributes:
        values: Objectives, minimized, in the study's order; NaN where only an evaluation tells.
        violation: Sum of the relative violations of the constraints on exact costs.
    """

    values: tuple[float, ...]
    violation: float = 0.0


@dataclass(frozen=True)
class SearchProblem:
    """What an optimizer knows of a study before the first evaluation.

    Attributes:
        space: The configurations to choose from.
        n_objectives: Length of the observed values.
        has_constraints: Whether observations can have a violation.
        foretell: Tells what is exact of a configuration; None if nothing is.
    """

    space: Space
    n_objectives: int
    has_constraints: bool = False
    foretell: Callable[[Configuration], Foretold] | None = None


class Optimizer(Protocol):
    """Searches a space. Its state follows from its seed and from what it was told, in order.

    Attributes:
        batch_size: Configurations to ask for at a time; evaluated in parallel, told together.
    """

    batch_size: int

    def ask(self, n: int) -> list[Configuration]:
        """Propose up to `n` configurations, never one that was proposed or told before.

        Fewer, or none, where the space has no more.
        """

    def tell(self, observations: Sequence[Observation]) -> None:
        """Learn; also about configurations that were not asked for, such as baselines."""


@runtime_checkable
class Promising(Protocol):
    """An optimizer that can tell what it still expects, so that a search may end on a plateau.

    Attributes:
        gain: Hypervolume that the batch asked for last promised, as a share of what there is; infinite as long as
            nothing can be told.
    """

    gain: float


class Unseen:
    """Remembers every configuration proposed or told, and finds ones that were not.

    Args:
        space: The space to draw from.
        rng: Source of random draws.
    """

    ENUMERABLE = 1_000_000
    DRAWS = 200

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._seen: set[str] = set()
        self._rest: Iterator[Configuration] | None = None

    def __contains__(self, configuration: Configuration) -> bool:
        return canonical(configuration) not in self._seen

    def add(self, configuration: Configuration) -> bool:
        """Mark as seen; whether it was new."""
        key = canonical(configuration)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left."""
        return self._space.size is not None and len(self._seen) >= self._space.size

    def draw(self) -> Configuration | None:
        """A random configuration not seen yet, now marked as seen; None if there is none."""
        if self.is_exhausted:
            return None
        for _ in range(self.DRAWS):
            candidate = self._space.sample(self._rng)
            if self.add(candidate):
                return candidate
        return self._draw_from_rest() if self._is_enumerable() else self._walk()

    def draw_near(self, configuration: Configuration) -> Configuration | None:
        """A configuration not seen yet, one step from that one if there is any such; now marked as seen."""
        near = [c for c in self._space.neighbours(configuration) if c in self]
        if not near:
            return self.draw()
        chosen = near[int(self._rng.integers(len(near)))]
        self.add(chosen)
        return chosen

    def _is_enumerable(self) -> bool:
        return self._space.size is not None and self._space.size <= self.ENUMERABLE

    def _draw_from_rest(self) -> Configuration | None:
        """Nearly everything is seen: shuffle what is left once, then hand it out."""
        if self._rest is None:
            rest = [c for c in self._space.enumerate() if c in self]
            self._rest = (rest[i] for i in self._rng.permutation(len(rest)))
        return next((c for c in self._rest if self.add(c)), None)

    def _walk(self) -> Configuration | None:
        """Step from neighbour to neighbour until one is new."""
        place = self._space.sample(self._rng)
        for _ in range(10 * self.DRAWS):
            steps = list(self._space.neighbours(place))
            if not steps:  # an interval of which a float knows a single number
                return None
            place = steps[int(self._rng.integers(len(steps)))]
            if self.add(place):
                return place
        return None
