"""How much of a batch the model may choose: where bred candidates find more, it is not to be trusted alone.

A model that misses what matters, such as many narrow valleys, still promises; breeding from the front promises nothing
and gets on. Both are given a part of every batch, in proportion to the hypervolume that a candidate of each has lately
added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.improvement import Improvement, Spread

Floats = NDArray[np.float64]
LEAST, MOST = 0.1, 0.8
"""Bounds of the share that is bred."""
MEMORY = 0.8
"""Of what a batch has added, so much counts after the next."""


class Portfolio:
    """Remembers who chose a candidate, and what came of it.

    Args:
        encoding: Of the knobs.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._is_bred: dict[bytes, bool] = {}
        self._added = np.zeros(2)
        self._counted = np.zeros(2)

    def n_bred(self, n: int) -> int:
        """How many of a batch are to be bred."""
        if not self._counted.all():
            share = LEAST
        else:
            model, bred = self._added / self._counted
            share = bred / (model + bred) if model + bred > 0 else 0.5
        return round(n * min(max(share, LEAST), MOST))

    def chosen(self, keys: list[bytes], is_bred: bool) -> None:
        """Candidates that were proposed, by their keys."""
        self._is_bred |= dict.fromkeys(keys, is_bred)

    def learn(self, keys: list[bytes], values: Floats, data: Data, corner: Floats) -> None:
        """What was told, before it is taken into the data.

        Args:
            keys: Of the configurations.
            values: Shape (n, n_objectives); NaN for what is not feasible.
            data: What was known before.
            corner: Of the hypervolume.
        """
        who = np.array([self._is_bred.pop(key, -1) for key in keys], dtype=int)
        if not (who >= 0).any():
            return
        rows = np.flatnonzero((who >= 0) & np.isfinite(values).all(axis=1))
        added = np.zeros(len(keys))
        spreads = [Spread.exact(column) for column in values[rows].T]
        added[rows] = Improvement(data.values[data.front()], corner)(spreads)
        arms = [who == arm for arm in (0, 1)]
        self._added = MEMORY * self._added + np.array([added[arm].sum() for arm in arms])
        self._counted = MEMORY * self._counted + np.array([arm.sum() for arm in arms])
