"""A model that knows what cheaper settings do: each knob adds damage, and the sum passes through a saturating link.

    y = b0 + b1 * log(n0 + sum_i damage_i),  bounded above

Damage falls exponentially as a knob moves to its harmless end: quantization noise by a factor of four a bit, pruning,
slimming and early exits alike. y is a transformed quality; the fit is a maximum a posteriori by L-BFGS with Huber's
loss. What the model misses is left to a Gaussian process.
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
SOFTNESS = 0.15
"""Of the ceiling, in units of the target's spread."""


class DamageScale:
    """Settings as powers: how far each knob is from its harmless end, in factors of four.

    Args:
        encoding: Of the knobs.
        harmless: For each knob, whether its largest code is the harmless end; shape (n_knobs,).
    """

    def __init__(self, encoding: Encoding, harmless: NDArray[np.bool_]) -> None:
        self._encoding = encoding
        self._sign = np.where(harmless, -1.0, 1.0)
        self._scales = [_scale(p) if isinstance(p, Ordered) else None for p in encoding.space.searched]
        sizes = [int(u) + 1 if label else 0 for u, label in zip(encoding.upper, encoding.is_label, strict=True)]
        self.offsets = np.cumsum([0, *sizes])
        self.n_labels = int(self.offsets[-1])

    def __call__(self, codes: Codes) -> tuple[Floats, NDArray[np.intp]]:
        """Centred powers of the knobs with an order, and for labels the index of their free parameter (else -1)."""
        power = np.zeros_like(codes)
        labels = np.full(codes.shape, -1, dtype=np.intp)
        for k, scale in enumerate(self._scales):
            if self._encoding.is_label[k]:
                labels[:, k] = self.offsets[k] + codes[:, k].astype(np.intp)
            elif scale is not None:
                power[:, k] = self._sign[k] * scale[codes[:, k].astype(np.intp)]
            else:
                power[:, k] = self._sign[k] * BITS * (codes[:, k] - 0.5)
        return power, labels


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
        parameters: b0, log b1, log n0, ceiling, then the level and the rate of each knob, then labels.
    """

    scale: DamageScale
    parameters: Floats

    def predict(self, codes: Codes) -> Floats:
        """Transformed quality, shape (n,)."""
        return _forward(self.parameters, *self.scale(codes))[0]

    def log_damages(self, codes: Codes) -> Floats:
        """Logarithm of every knob's damage, shape (n, n_knobs)."""
        return _log_damages(self.parameters, *self.scale(codes))


def fit_damage(scale: DamageScale, codes: Codes, targets: Floats, start: DamageModel | None = None) -> DamageModel:
    """Fit to standardized targets, from an earlier fit if there is one."""
    power, labels = scale(codes)
    n_knobs = power.shape[1]
    prior = np.r_[
        float(np.median(targets)), np.log(0.5), -4.0, float(targets.max()), np.zeros(n_knobs), np.ones(n_knobs)
    ]
    prior = np.r_[prior, np.zeros(scale.n_labels)]
    spread = np.r_[2.0, 0.7, 3.0, 0.5, np.full(n_knobs, 1.5), np.full(n_knobs, 0.3), np.full(scale.n_labels, 2.0)]

    def loss(vector: Floats) -> tuple[float, Floats]:
        predicted, gradient = _forward(vector, power, labels)
        residual = (predicted - targets) / 0.1
        clipped = np.clip(residual, -HUBER, HUBER)
        z = (vector - prior) / spread
        value = float((clipped * (residual - clipped / 2)).sum()) + 0.5 * float(z @ z)
        return value, gradient.T @ clipped / 0.1 + z / spread

    begin = prior if start is None else start.parameters
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 200 if start is None else 60})
    return DamageModel(scale, found.x if np.isfinite(found.fun) else prior)


def _log_damages(vector: Floats, power: Floats, labels: NDArray[np.intp]) -> Floats:
    n_knobs = power.shape[1]
    level, rate, free = vector[4 : 4 + n_knobs], vector[4 + n_knobs : 4 + 2 * n_knobs], vector[4 + 2 * n_knobs :]
    values = level + LN4 * rate * power
    if len(free):
        values = np.where(labels >= 0, free[labels], values)
    return np.asarray(values)


def _forward(vector: Floats, power: Floats, labels: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Predictions and their derivatives by the parameters, shape (n, n_parameters)."""
    n_knobs = power.shape[1]
    b0, log_b1, log_n0, ceiling = vector[:4]
    logs = np.c_[np.full(len(power), log_n0), _log_damages(vector, power, labels)]
    top = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - top)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    log_sum = (top + np.log(total))[:, 0]
    b1 = np.exp(np.clip(log_b1, -5.0, 3.0))
    raw = b0 + b1 * log_sum
    # A soft minimum with the ceiling: error rates cannot exceed that of guessing.
    bend = 1.0 / (1.0 + np.exp(np.clip((raw - ceiling) / SOFTNESS, -60, 60)))
    predicted = ceiling - _soft_plus(ceiling - raw)
    by_log = (bend * b1)[:, None] * shares
    gradient = np.zeros((len(power), len(vector)))
    gradient[:, 0] = bend
    gradient[:, 1] = bend * b1 * log_sum
    gradient[:, 2] = by_log[:, 0]
    gradient[:, 3] = 1.0 - bend
    has_order = labels < 0
    gradient[:, 4 : 4 + n_knobs] = by_log[:, 1:] * has_order
    gradient[:, 4 + n_knobs : 4 + 2 * n_knobs] = by_log[:, 1:] * has_order * LN4 * power
    for knob in np.flatnonzero(~has_order.all(axis=0)):
        gradient[np.arange(len(power)), 4 + 2 * n_knobs + labels[:, knob]] += by_log[:, 1 + knob]
    return predicted, gradient


def _soft_plus(gap: Floats) -> Floats:
    return np.asarray(SOFTNESS * np.logaddexp(0.0, gap / SOFTNESS))
