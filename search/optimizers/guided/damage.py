"""A model that knows what cheaper settings do: each knob adds damage, and the sum passes through a saturating link.

    y = b0 + b1 * log(n0 + sum_i damage_i),  bounded above

Damage falls exponentially as a knob moves to its harmless end: quantization noise by a factor of four a bit, pruning,
slimming and early exits alike. Every level has a little of its own on top, for rounding may hit or miss, and labels
have nothing else. y is a transformed quality; the fit is a maximum a posteriori by L-BFGS with Huber's loss. What the
model misses is left to a Gaussian process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from search.optimizers.guided.encoding import Codes, Encoding
from spaces import Ordered

Floats = NDArray[np.float64]
LN4 = float(np.log(4.0))
BITS = 6.0
"""Range of a knob in units in which damage falls by a factor of four: bit widths run from 2 to 8."""
HUBER = 1.0
FIRST = {"maxiter": 200}
AGAIN = {"maxiter": 15, "ftol": 1e-6}
"""How long a fit goes on; one from an earlier fit has a short way."""
SOFTNESS = 0.15
"""Of the ceiling, in units of the target's spread."""
BUMPS = 0.5
"""Standard deviation of the logarithm of a level's damage around the exponential: rounding may hit or miss."""


class DamageScale:
    """Settings as powers: how far each knob is from its harmless end, in factors of four.

    Args:
        encoding: Of the knobs.
        harmless: For each knob, whether its largest code is the harmless end; shape (n_knobs,).
    """

    def __init__(self, encoding: Encoding, harmless: NDArray[np.bool_]) -> None:
        self._encoding = encoding
        self._sign = np.where(harmless, -1.0, 1.0)
        self._table = np.zeros((encoding.n_knobs, max((int(u) + 1 for u in encoding.upper), default=1)))
        for knob, parameter in enumerate(encoding.space.searched):
            if isinstance(parameter, Ordered):
                self._table[knob, : parameter.n_levels] = self._sign[knob] * _scale(parameter)
        sizes = [0 if real else int(u) + 1 for u, real in zip(encoding.upper, encoding.is_real, strict=True)]
        self._first = np.cumsum([0, *sizes])[:-1]
        self.bumps = np.repeat(np.where(encoding.is_label, 2.0, BUMPS), sizes)
        """Prior standard deviation of what each level of each knob has of its own; shape (n_bumps,)."""

    def __call__(self, codes: Codes) -> tuple[Floats, NDArray[np.intp]]:
        """Centred powers of the knobs with an order, and the index of each level's own part; continuous: the last."""
        encoding = self._encoding
        power = np.where(encoding.is_real, self._sign * BITS * (codes - 0.5), encoding.looked_up(self._table, codes))
        levels = np.where(encoding.is_real, len(self.bumps), self._first + codes)
        return power, levels.astype(np.intp)


def _scale(parameter: Ordered) -> Floats:
    values = np.array(parameter.choices, dtype=np.float64)
    is_bits = all(float(v).is_integer() for v in values) and 2 <= np.ptp(values) <= 14
    scaled = values if is_bits else BITS * (values - values[0]) / (values[-1] - values[0])
    return np.asarray(scaled - (scaled[0] + scaled[-1]) / 2)


@dataclass(frozen=True)
class DamageModel:
    """A fitted model.

    Attributes:
        scale: Of the knobs.
        parameters: b0, log b1, log n0, ceiling, then the height and the rate of each knob, then each level's own part.
    """

    scale: DamageScale
    parameters: Floats

    def predict(self, codes: Codes) -> Floats:
        """Transformed quality, shape (n,)."""
        return np.asarray(_State(self.parameters, *self.scale(codes)).predicted)

    def log_damages(self, codes: Codes) -> Floats:
        """Logarithm of every knob's damage, shape (n, n_knobs)."""
        return _log_damages(self.parameters, *self.scale(codes))


def fit_damage(
    scale: DamageScale,
    codes: Codes,
    targets: Floats,
    start: DamageModel | None = None,
    iterations: int | None = None,
) -> DamageModel:
    """Fit to standardized targets, from an earlier fit if there is one; in at most so many iterations."""
    power, levels = scale(codes)
    n_knobs = power.shape[1]
    prior = np.r_[
        float(np.median(targets)), np.log(0.5), -4.0, float(targets.max()), np.zeros(n_knobs), np.ones(n_knobs)
    ]
    prior = np.r_[prior, np.zeros(len(scale.bumps))]
    # So that it starts amid the targets: beyond the ceiling nothing has a slope, and the fit would stay there.
    prior[0] -= np.exp(prior[1]) * float(np.median(_State(prior, power, levels).log_sum))
    spread = np.r_[2.0, 0.7, 3.0, 0.5, np.full(n_knobs, 1.5), np.full(n_knobs, 0.3), scale.bumps]

    def loss(vector: Floats) -> tuple[float, Floats]:
        state = _State(vector, power, levels)
        residual = (state.predicted - targets) / 0.1
        clipped = np.clip(residual, -HUBER, HUBER)
        z = (vector - prior) / spread
        value = float((clipped * (residual - clipped / 2)).sum()) + 0.5 * float(z @ z)
        return value, state.gradient(clipped / 0.1) + z / spread

    options: dict[str, float] = dict(FIRST if start is None else AGAIN)
    if iterations is not None:
        options["maxiter"] = iterations
    begin = prior if start is None else start.parameters
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=options)
    return DamageModel(scale, found.x if np.isfinite(found.fun) else prior)


def _log_damages(vector: Floats, power: Floats, levels: NDArray[np.intp]) -> Floats:
    n_knobs = power.shape[1]
    height, rate = vector[4 : 4 + n_knobs], vector[4 + n_knobs : 4 + 2 * n_knobs]
    own = np.append(vector[4 + 2 * n_knobs :], 0.0)
    return np.asarray(height + LN4 * rate * power + own[levels])


class _State:
    """Predictions for some parameters, and what their derivatives need.

    Attributes:
        predicted: Shape (n,).
        log_sum: Logarithm of the summed damage, shape (n,).
    """

    def __init__(self, vector: Floats, power: Floats, levels: NDArray[np.intp]) -> None:
        self._power, self._levels, self._n_parameters = power, levels, len(vector)
        b0, log_b1, log_n0, ceiling = vector[:4]
        logs = np.concatenate([np.full((len(power), 1), log_n0), _log_damages(vector, power, levels)], axis=1)
        top = logs.max(axis=1, keepdims=True)
        logs -= top
        self._shares = np.exp(logs, out=logs)
        total = self._shares.sum(axis=1, keepdims=True)
        self._shares /= total
        self.log_sum = (top + np.log(total))[:, 0]
        self._b1 = float(np.exp(np.clip(log_b1, -5.0, 3.0)))
        raw = b0 + self._b1 * self.log_sum
        # A soft minimum with the ceiling: error rates cannot exceed that of guessing.
        self._bend = 1.0 / (1.0 + np.exp(np.clip((raw - ceiling) / SOFTNESS, -60, 60)))
        self.predicted = ceiling - _soft_plus(ceiling - raw)

    def gradient(self, weights: Floats) -> Floats:
        """Derivatives of the weighted sum of the predictions by the parameters."""
        n_knobs = self._power.shape[1]
        bent = weights * self._bend
        by_log = (self._b1 * bent)[:, None] * self._shares
        damages = by_log[:, 1:]
        gradient = np.zeros(self._n_parameters)
        gradient[0] = bent.sum()
        gradient[1] = self._b1 * float(bent @ self.log_sum)
        gradient[2] = by_log[:, 0].sum()
        gradient[3] = weights.sum() - bent.sum()
        gradient[4 : 4 + n_knobs] = damages.sum(axis=0)
        gradient[4 + n_knobs : 4 + 2 * n_knobs] = LN4 * np.einsum("ij,ij->j", damages, self._power)
        n_own = self._n_parameters - 4 - 2 * n_knobs
        own = np.bincount(self._levels.ravel(), damages.ravel(), n_own + 1)
        gradient[4 + 2 * n_knobs :] = own[:n_own]
        return gradient


def _soft_plus(gap: Floats) -> Floats:
    return np.asarray(SOFTNESS * np.logaddexp(0.0, gap / SOFTNESS))
