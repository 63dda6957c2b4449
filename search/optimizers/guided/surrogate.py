"""What is believed of one uncertain objective: a transform, summed damages where they fit, a Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.damage import DamageModel, DamageScale, fit_damage
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    JointNormal,
    fit_hyperparameters,
    log_likelihood,
)
from search.optimizers.guided.improvement import Spread
from search.optimizers.guided.transforms import Transform

Floats = NDArray[np.float64]
MOST_FOR_HYPERPARAMETERS = 150
"""Observations that hyperparameters are fitted to; the effort grows with the cube."""
REFIT_GROWTH = 1.5
"""Hyperparameters are fitted again when there are so many times more observations."""
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
LEAST_ADDITIVE = 0.3
"""Variance, in units of the target's, that single knobs are granted beside damages. A fit to what the damages leave of
the data they were fitted to finds next to none, and settings that damages call harmful would never be tried."""


@dataclass(frozen=True)
class Belief:
    """A fitted surrogate.

    Attributes:
        transform: Of the objective.
        damage: The mean, if there is one.
        process: On what the mean leaves.
    """

    transform: Transform
    damage: DamageModel | None
    process: GaussianProcess

    def mean(self, codes: Codes) -> Floats:
        """The most probable value, shape (n,)."""
        return self.transform.inverse(self._centre(codes) + self.process.mean(codes))

    def spread(self, codes: Codes) -> Spread:
        """The value with its uncertainty."""
        return spread_of(self.transform, *self.standardized(codes))

    def joint(self, codes: Codes) -> JointNormal:
        """The transformed objective of several candidates together."""
        return JointNormal(self.process, codes, self._centre(codes))

    def standardized(self, codes: Codes) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the transformed objective."""
        mean, deviation = self.process.mean_and_deviation(codes)
        return self._centre(codes) + mean, deviation

    def _centre(self, codes: Codes) -> Floats:
        return np.zeros(len(codes)) if self.damage is None else self.damage.predict(codes)


def spread_of(transform: Transform, mean: Floats, deviation: Floats) -> Spread:
    """Values of which the transform is normal with such means and deviations."""
    return Spread(transform.inverse(mean[:, None] + deviation[:, None] * NODES[None, :]), WEIGHTS)


class JointBelief:
    """What is believed of several candidates together, of which some will soon be measured.

    Args:
        belief: Of one objective.
        codes: Of the candidates.
    """

    def __init__(self, belief: Belief, codes: Codes) -> None:
        self._transform, self._normal = belief.transform, belief.joint(codes)

    def spread(self) -> Spread:
        """The values with their uncertainty."""
        return spread_of(self._transform, self._normal.mean, self._normal.deviation)

    def take(self, place: int) -> None:
        """One of them will be measured; see `JointNormal.take`."""
        self._normal.take(place)


class Surrogate:
    """Learns one objective; what it remembers from fit to fit only makes the next one faster.

    Args:
        encoding: Of the knobs.
        scale: Of damages, or None for a black box.
    """

    def __init__(self, encoding: Encoding, scale: DamageScale | None) -> None:
        self._encoding = encoding
        self._scale = scale
        self._is_log = scale is not None
        self._damage: DamageModel | None = None
        self._hyper = Hyperparameters.default(encoding.n_knobs)
        self._n_fitted = 0

    def fit(self, codes: Codes, values: Floats) -> Belief:
        """Fit to what is known.

        Args:
            codes: Shape (n, n_knobs), the most informative last.
            values: Finite, shape (n,).
        """
        if len(values) >= max(8, REFIT_GROWTH * self._n_fitted):
            self._n_fitted = len(values)
            self._fit_hyperparameters(codes[-MOST_FOR_HYPERPARAMETERS:], values[-MOST_FOR_HYPERPARAMETERS:])
        transform = Transform.fitted(values, self._is_log, is_damage=self._scale is not None)
        targets = transform(values)
        damage = self._fitted_damage(codes, targets)
        residual = targets if damage is None else targets - damage.predict(codes)
        return Belief(transform, damage, GaussianProcess(self._encoding, codes, residual, self._granted()))

    def _granted(self) -> Hyperparameters:
        if self._scale is None:
            return self._hyper
        return replace(self._hyper, log_additive=max(self._hyper.log_additive, float(np.log(LEAST_ADDITIVE))))

    def _fitted_damage(self, codes: Codes, targets: Floats) -> DamageModel | None:
        if self._scale is None:
            return None
        self._damage = fit_damage(self._scale, codes, targets, self._damage)
        return self._damage

    def _fit_hyperparameters(self, codes: Codes, values: Floats) -> None:
        if self._scale is not None:
            targets = Transform.fitted(values, is_log=True, is_damage=True)(values)
            damage = fit_damage(self._scale, codes, targets, self._damage)
            self._hyper = fit_hyperparameters(self._encoding, codes, targets - damage.predict(codes), self._hyper)
            return
        # A black box: the transform under which the data are more probable.
        best = -np.inf
        for is_log in (False, True):
            transform = Transform.fitted(values, is_log)
            targets = transform(values)
            hyper = fit_hyperparameters(self._encoding, codes, targets, self._hyper)
            probability = log_likelihood(self._encoding, codes, targets, hyper) + transform.log_slope(values)
            if probability > best:
                best, self._is_log, chosen = probability, is_log, hyper
        self._hyper = chosen
