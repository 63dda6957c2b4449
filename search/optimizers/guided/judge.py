"""What candidates are worth: the hypervolume they are expected to add, one by one and as a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Codes
from search.optimizers.guided.feasibility import Feasibility, JointChance
from search.optimizers.guided.improvement import Improvement, Spread
from search.optimizers.guided.known_costs import KnownCosts
from search.optimizers.guided.surrogate import Belief, JointBelief
from search.pareto import hypervolume

Floats = NDArray[np.float64]


class Judge:
    """Scores candidates by what they would add to the front.

    Args:
        data: What is known.
        beliefs: Of each uncertain objective.
        costs: The exact ones, if there are any, and how far constraints on costs are violated.
        feasibility: Of the other constraints.
        pending: Proposed and not told yet: they count as found; shape (n, n_knobs).
        corner: Where the hypervolume ends, shape (n_objectives,).
    """

    def __init__(
        self,
        data: Data,
        beliefs: Mapping[int, Belief],
        costs: KnownCosts | None,
        feasibility: Feasibility,
        pending: Codes,
        corner: Floats,
    ) -> None:
        self._beliefs, self._costs, self._feasibility = beliefs, costs, feasibility
        self._n_objectives = data.values.shape[1]
        self._is_exact = np.array([j not in beliefs for j in range(self._n_objectives)], dtype=bool)
        self._front = data.values[data.front()]
        self._has_front = len(self._front) > 0
        self._corner = corner
        if len(pending) and self._has_front:
            self._front = np.concatenate([self._front, self.means(pending)])
            if not self._is_exact.any():
                self._beliefs = {j: replace(b, process=b.process.believing(pending)) for j, b in beliefs.items()}
        self._improvement = Improvement(self._front, self._corner)
        self.hypervolume = hypervolume(self._front, self._corner)

    def __call__(self, codes: Codes, is_screening: bool = True) -> tuple[Floats, Floats]:
        """Scores, and the place along the cost axis (of the first objective where nothing is exact)."""
        spreads, violations = self._spreads(codes, is_screening)
        chance = self._feasibility(codes)
        gain = self._improvement(spreads) * chance if self._has_front else chance
        axis = int(np.argmax(self._is_exact)) if self._is_exact.any() else 0
        along = spreads[axis].values @ spreads[axis].weights
        # What breaks a constraint on costs is never proposed, as long as there is anything else.
        return np.where(violations > 0, -violations, gain), along

    def means(self, codes: Codes) -> Floats:
        """Predicted values, shape (n, n_objectives)."""
        exact = None if self._costs is None else self._costs(codes)[0]
        columns = [
            self._beliefs[j].mean(codes) if exact is None or j in self._beliefs else exact[:, j]
            for j in range(self._n_objectives)
        ]
        return np.array(columns).T

    def added(self, codes: Codes) -> float:
        """Hypervolume that candidates add together if they turn out as predicted."""
        return hypervolume(np.concatenate([self._front, self.means(codes)]), self._corner) - self.hypervolume

    def shortlist(self, codes: Codes, n: int) -> Codes:
        """The best candidates with their true costs."""
        if len(codes) == 0:
            return codes
        scores, _ = self(codes)
        best = codes[np.argsort(-scores, kind="stable")[: 2 * n]]
        scores, _ = self(best, is_screening=False)
        kept = np.argsort(-scores, kind="stable")[:n]
        if self._costs is not None:
            allowed = scores[kept] >= 0
            kept = kept[allowed] if allowed.any() else kept
        return best[kept]

    def greedy(self, codes: Codes) -> Greedy:
        """Chooses among candidates one by one."""
        spreads, violations = self._spreads(codes, is_screening=False)
        # Where a cost is exact, candidates differ in it, and no two of them are worth the same.
        is_joint = not self._is_exact.any()
        joint = {j: JointBelief(belief, codes) for j, belief in self._beliefs.items() if is_joint}
        chance = self._feasibility.jointly(codes)
        front = self._front if self._has_front else None
        return Greedy(spreads, joint, violations, chance, self.means(codes), front, self._corner)

    def _spreads(self, codes: Codes, is_screening: bool) -> tuple[list[Spread], Floats]:
        violations = np.zeros(len(codes))
        exact: Floats = np.empty((len(codes), 0))
        if self._costs is not None:
            costs = self._costs
            exact, violations = costs.screened(codes) if is_screening else costs(codes)
        spreads = [
            self._beliefs[j].spread(codes) if j in self._beliefs else Spread.exact(exact[:, j])
            for j in range(self._n_objectives)
        ]
        return spreads, violations


class Greedy:
    """Scores of the candidates for a batch, each counted as found once it is taken.

    Args:
        spreads: Values of the candidates.
        joint: What is believed of them together, for each objective of which a candidate that is taken tells about the
            others.
        violations: Of constraints on costs, shape (n,).
        chance: To keep to the others.
        means: Predicted values, shape (n, n_objectives).
        front: Shape (n_points, n_objectives); None as long as nothing is feasible.
        corner: Of the hypervolume.
    """

    def __init__(
        self,
        spreads: list[Spread],
        joint: Mapping[int, JointBelief],
        violations: Floats,
        chance: JointChance,
        means: Floats,
        front: Floats | None,
        corner: Floats,
    ) -> None:
        self._joint = joint
        self._spreads, self._violations, self._chance, self._means = spreads, violations, chance, means
        self._front, self._corner = front, corner
        self._is_left = np.ones(len(means), dtype=bool)

    def scores(self) -> Floats:
        """What each candidate would add to the front and to what was taken; -inf for what was taken."""
        gain = self._chance()
        if self._front is not None:
            gain = Improvement(self._front, self._corner)(self._spreads) * gain
        return np.where(self._is_left, np.where(self._violations > 0, -self._violations, gain), -np.inf)

    def take(self, place: int, is_found: bool) -> None:
        """Take a candidate out; it counts as found unless it was known before."""
        self._is_left[place] = False
        if not is_found:
            return
        self._chance.take(place)
        if self._front is not None:
            for j, belief in self._joint.items():
                belief.take(place)
                self._spreads[j] = belief.spread()
            self._front = np.concatenate([self._front, self._means[place : place + 1]])
