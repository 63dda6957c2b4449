"""How much of a batch the model may choose: where others find more, it is not to be trusted alone.

A model that misses what matters, such as many narrow valleys, still promises; breeding from the front promises nothing
and gets on, and where constraints leave islands, chance finds those that neither has seen. Each is given a part of
every batch, in proportion to the hypervolume that a candidate of its own has lately added.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.improvement import Improvement, Spread

Floats = NDArray[np.float64]
LEAST, MOST = 0.1, 0.8
"""Bounds of the share that anybody but the model may choose; the model has at least `LEAST`, too."""
MEMORY = 0.8
"""Of what a batch has added, so much counts after the next."""


class Chooser(IntEnum):
    """Who chooses candidates."""

    MODEL = 0
    BREEDING = 1
    CHANCE = 2


class Portfolio:
    """Remembers who chose a candidate, and what came of it.

    Args:
        encoding: Of the knobs.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._chooser: dict[bytes, Chooser] = {}
        self._added = np.zeros(len(Chooser))
        self._counted = np.zeros(len(Chooser))

    def parts(self, n: int, others: Sequence[Chooser]) -> list[int]:
        """How many of a batch others than the model may choose."""
        everybody = [Chooser.MODEL, *others]
        added, counted = self._added[everybody], self._counted[everybody]
        if counted.all():
            rates = added / counted
            shares = rates / rates.sum() if rates.sum() > 0 else np.full(len(rates), 1 / len(rates))
        else:
            shares = np.zeros(len(everybody))
        shares = np.clip(shares[1:], LEAST, MOST)
        parts = [round(n * share) for share in shares / max(1.0, shares.sum() / (1 - LEAST))]
        if len(parts) > 1:
            # Two that are rounded up may leave nothing to the model.
            parts[-1] = min(parts[-1], max(n - 1 - sum(parts[:-1]), 0))
        return parts

    def chosen(self, keys: list[bytes], by: Chooser) -> None:
        """Candidates that were proposed, by their keys."""
        self._chooser |= dict.fromkeys(keys, by)

    def learn(self, keys: list[bytes], values: Floats, data: Data, corner: Floats) -> None:
        """What was told, before it is taken into the data.

        Args:
            keys: Of the configurations.
            values: Shape (n, n_objectives); NaN for what is not feasible.
            data: What was known before.
            corner: Of the hypervolume.
        """
        who = np.array([self._chooser.pop(key, -1) for key in keys], dtype=int)
        if not (who >= 0).any():
            return
        rows = np.flatnonzero((who >= 0) & np.isfinite(values).all(axis=1))
        added = np.zeros(len(keys))
        spreads = [Spread.exact(column) for column in values[rows].T]
        added[rows] = Improvement(data.values[data.front()], corner)(spreads)
        choices = [who == chooser for chooser in Chooser]
        self._added = MEMORY * self._added + np.array([added[choice].sum() for choice in choices])
        self._counted = MEMORY * self._counted + np.array([choice.sum() for choice in choices])
