"""Seeds from a knapsack: damages and costs both add up, so the best settings for every cost follow by programming.

For every cost in some hundred steps: the settings with the least summed damage (R. Bellman, 1957). It is only as good
as the damage model, and starts the search where the front must be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.damage import DamageModel
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.known_costs import KnownCosts

Floats = NDArray[np.float64]
STEPS = 400
"""Of the cost axis."""
REAL_LEVELS = 9
"""Levels that a continuous knob has here."""


class Knapsack:
    """Settings of least damage for every cost.

    Args:
        encoding: Of the knobs.
        costs: The exact ones; each knob's share of them is what it changes alone.
    """

    def __init__(self, encoding: Encoding, costs: KnownCosts) -> None:
        self._levels = [
            np.linspace(0.0, 1.0, REAL_LEVELS) if real else np.arange(int(u) + 1.0)
            for u, real in zip(encoding.upper, encoding.is_real, strict=True)
        ]
        base = encoding.codes([encoding.space.defaults])
        alone = []
        for knob, levels in enumerate(self._levels):
            rows = np.repeat(base, len(levels), axis=0)
            rows[:, knob] = levels
            alone.append(costs(encoding.rounded(rows))[0][:, costs.is_exact])
        self._shares = [share - share.min(axis=0) for share in alone]
        dear = [share.mean(axis=1) for share in self._shares]
        self.is_dear_above = np.array([d[-1] >= d[0] for d in dear], dtype=bool)
        """Whether costs rise with a knob's code: there, damage falls."""
        ranges = np.sum([share.max(axis=0) for share in self._shares], axis=0)
        self._shares = [share / np.where(ranges > 0, ranges, 1.0) for share in self._shares]
        n_costs = int(costs.is_exact.sum())
        equal = [np.full(n_costs, 1 / n_costs)] if n_costs > 1 else []
        self._weights = [*np.eye(n_costs), *equal]

    def seeds(self, model: DamageModel) -> Codes:
        """Configurations along the cost axis, for every exact cost and their mean; shape (n, n_knobs)."""
        widest = max(len(levels) for levels in self._levels)
        rows = np.array([levels[np.minimum(np.arange(widest), len(levels) - 1)] for levels in self._levels]).T
        logs = model.log_damages(rows)
        damages = np.exp(logs - logs.max())
        found = [
            self._solve([d[: len(s)] for d, s in zip(damages.T, self._shares, strict=True)], w) for w in self._weights
        ]
        return np.unique(np.concatenate(found), axis=0)

    def _solve(self, damages: list[Floats], weights: Floats) -> Codes:
        best = np.zeros(STEPS + 1)
        choices = []
        for damage, share in zip(damages, self._shares, strict=True):
            # The knob that costs most decides how coarse the steps may be: rounding is shared out among knobs.
            steps = np.round(share @ weights * STEPS).astype(int)
            options = np.full((len(damage), STEPS + 1), np.inf)
            for level, (harm, step) in enumerate(zip(damage, steps, strict=True)):
                options[level, step:] = best[: STEPS + 1 - step] + harm
            choices.append((options.argmin(axis=0), steps))
            best = options.min(axis=0)
        reachable = np.flatnonzero(np.isfinite(best))
        improving = reachable[np.r_[True, np.diff(best[reachable]) < 0]] if len(reachable) else reachable
        rows = np.zeros((len(improving), len(damages)))
        room = improving.copy()
        for knob in range(len(damages) - 1, -1, -1):
            choice, steps = choices[knob]
            level = choice[room]
            rows[:, knob] = self._levels[knob][level]
            room = room - steps[level]
        return rows
