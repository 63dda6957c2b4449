"""When a search may stop by itself: nothing worth having is promised any more, and nothing has been found."""

from __future__ import annotations

from collections import deque

from search.optimizers import Optimizer, Promising

PATIENCE = 3
"""Batches in a row that must bring nothing: a promise is a guess, and so is its absence."""


class Plateau:
    """Watches what the batches of a search promise, and what they bring.

    A plateau is `PATIENCE` batches in a row of which each promised, and which together brought, less than a share of
    the hypervolume there is. Promises alone would do where the model is right; what was found tells where it is not.

    Args:
        optimizer: Asked for its promises.
        tolerance: Share of the hypervolume that is worth a batch.
    """

    def __init__(self, optimizer: Optimizer, tolerance: float) -> None:
        if not isinstance(optimizer, Promising):
            raise TypeError(f"{type(optimizer).__name__} cannot tell what it still expects")
        self._optimizer = optimizer
        self._tolerance = tolerance
        self._promises: deque[float] = deque(maxlen=PATIENCE)
        self._found: deque[float] = deque(maxlen=PATIENCE + 1)

    def add(self, hypervolume: float, promised: float | None = None) -> None:
        """Take note of an evaluated batch and of the hypervolume it has led to; the baselines, too, are a batch.

        Args:
            hypervolume: So far.
            promised: By the batch, as a share of the hypervolume; None: what the optimizer promised last.
        """
        self._promises.append(self._optimizer.gain if promised is None else promised)
        self._found.append(hypervolume)

    @property
    def gain(self) -> float:
        """What the optimizer promised last."""
        return self._optimizer.gain

    @property
    def is_reached(self) -> bool:
        """Whether the search is on a plateau."""
        if len(self._found) <= PATIENCE or not self._found[0] > 0:
            return False
        growth = self._found[-1] / self._found[0] - 1.0
        return max(self._promises) < self._tolerance and growth < self._tolerance

    def note(self) -> str:
        """What the last batch promised, for the display."""
        promised = self._promises[-1] if self._promises else float("inf")
        return f"expects {100 * promised:+.2g} %" if promised < float("inf") else ""

    def reason(self) -> str:
        """Why the search has ended, once it has."""
        return f"plateau: {PATIENCE} batches neither promised nor brought {100 * self._tolerance:g} % more hypervolume"


class Stream:
    """Batches where there are none: as many trials as a batch has, with all that was promised meanwhile.

    Args:
        plateau: Told of every batch.
        batch_size: Trials that count as one.
    """

    def __init__(self, plateau: Plateau, batch_size: int) -> None:
        self._plateau, self._batch_size = plateau, batch_size
        self._n = 0
        self._promised: float | None = None

    def asked(self) -> None:
        """The optimizer was asked for one or more configurations: what each adds to the others."""
        self._promised = (self._promised or 0.0) + self._plateau.gain

    def told(self, n: int, hypervolume: float) -> None:
        """So many trials were told to it, and led to a hypervolume."""
        self._n += n
        if self._n >= self._batch_size:
            # Trials of an interrupted run come without a promise, and say nothing.
            self._plateau.add(hypervolume, float("inf") if self._promised is None else self._promised)
            self._n, self._promised = 0, None
