"""A Gaussian process over knobs: a sum over single knobs plus what they do together.

k(x, x') = a * <f(x), f(x')> / n_knobs + m * Matern-5/2(x, x') + noise, with the additive features f of
`Encoding.additive` and one length scale a knob. Targets are standardized. C. E. Rasmussen, C. K. I. Williams,
"Gaussian Processes for Machine Learning", 2006, equations 2.25, 2.26, 4.17 and 5.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from search.optimizers.guided.encoding import Codes, Encoding

Floats = NDArray[np.float64]
LOWEST_NOISE = 1e-6
LEAST_VARIANCE = 1e-6
"""Of a point, whatever rounding makes of it."""
ITERATIONS = 40
"""Of L-BFGS; the likelihood is flat near its top."""


@dataclass(frozen=True)
class Hyperparameters:
    """Logarithms of what the kernel leaves open.

    Attributes:
        log_lengths: Length scale of each knob, shape (n_knobs,).
        log_additive, log_joint, log_noise: Variances.
    """

    log_lengths: Floats
    log_additive: float
    log_joint: float
    log_noise: float

    @classmethod
    def default(cls, n_knobs: int) -> Hyperparameters:
        """Before there is enough data: lengths that grow with the number of knobs, as distances do."""
        return cls(np.full(n_knobs, np.log(0.5 * np.sqrt(max(n_knobs, 1)))), np.log(0.5), np.log(0.5), np.log(1e-2))

    def vector(self) -> Floats:
        """As one vector."""
        return np.asarray(np.r_[self.log_lengths, self.log_additive, self.log_joint, self.log_noise])

    @classmethod
    def from_vector(cls, vector: Floats) -> Hyperparameters:
        """Inverse of `vector`."""
        return cls(vector[:-3], float(vector[-3]), float(vector[-2]), float(vector[-1]))


def fit_hyperparameters(encoding: Encoding, codes: Codes, targets: Floats, start: Hyperparameters) -> Hyperparameters:
    """Maximize the marginal likelihood with weak priors around the defaults, from `start`."""
    likelihood = _Likelihood(encoding, codes, targets)
    prior = Hyperparameters.default(encoding.n_knobs).vector()
    spread = np.r_[np.full(encoding.n_knobs, 1.0), 1.5, 1.5, 2.0]
    bounds = [(np.log(0.02), np.log(50.0))] * encoding.n_knobs + [(-9.0, 4.0)] * 2 + [(np.log(LOWEST_NOISE), 1.0)]

    def loss(vector: Floats) -> tuple[float, Floats]:
        value, gradient = likelihood(vector)
        z = (vector - prior) / spread
        return value + 0.5 * float(z @ z), gradient + z / spread

    found = minimize(loss, start.vector(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS})
    return Hyperparameters.from_vector(found.x if np.isfinite(found.fun) else prior)


def log_likelihood(encoding: Encoding, codes: Codes, targets: Floats, hyper: Hyperparameters) -> float:
    """Logarithm of the marginal likelihood, up to a constant."""
    return -_Likelihood(encoding, codes, targets)(hyper.vector())[0]


class _Likelihood:
    """Negative log marginal likelihood and its gradient."""

    def __init__(self, encoding: Encoding, codes: Codes, targets: Floats) -> None:
        axes, owners = encoding.axes(codes)
        squared = [(axes[:, None, k] - axes[None, :, k]) ** 2 for k in range(len(owners))]
        self._squared = np.zeros((encoding.n_knobs, len(codes), len(codes)))
        for part, owner in zip(squared, owners, strict=True):
            self._squared[owner] += part
        features = encoding.additive(codes)
        self._additive = features @ features.T / max(encoding.n_knobs, 1)
        self._targets = targets

    def __call__(self, vector: Floats) -> tuple[float, Floats]:
        hyper = Hyperparameters.from_vector(vector)
        weights = np.exp(-2 * hyper.log_lengths)
        n = len(self._targets)
        r = np.sqrt(5.0 * np.tensordot(weights, self._squared, axes=1))
        decay = np.exp(-r)
        joint = np.exp(hyper.log_joint) * (1 + r + r**2 / 3) * decay
        additive, noise = np.exp(hyper.log_additive) * self._additive, np.exp(hyper.log_noise)
        try:
            factor = cho_factor(joint + additive + (noise + 1e-8) * np.eye(n), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(vector)
        alpha = cho_solve(factor, self._targets, check_finite=False)
        value = 0.5 * float(self._targets @ alpha) + float(np.log(np.diag(factor[0])).sum())
        inner = 0.5 * (cho_solve(factor, np.eye(n), check_finite=False) - np.outer(alpha, alpha))
        # d joint / d log length k: (5 / 3) (1 + r) e^-r * weight_k * squared_k
        shape = inner * (np.exp(hyper.log_joint) * (5.0 / 3.0) * (1 + r) * decay)
        lengths = weights * np.tensordot(self._squared, shape, axes=([1, 2], [0, 1]))
        rest = [float((inner * additive).sum()), float((inner * joint).sum()), float(noise * np.trace(inner))]
        return value, np.r_[lengths, rest]


class GaussianProcess:
    """The posterior given data.

    Args:
        encoding: Of the knobs.
        codes: Where targets are known, shape (n, n_knobs).
        targets: Standardized values, shape (n,).
        hyper: Of the kernel.
    """

    def __init__(self, encoding: Encoding, codes: Codes, targets: Floats, hyper: Hyperparameters) -> None:
        self._encoding = encoding
        self._hyper = hyper
        self._codes, self._targets = codes, targets
        self._axes, self._features = self._embedded(codes)
        covariance = self._kernel(self._axes, self._features)
        noise = np.exp(hyper.log_noise)
        for jitter in (1e-8, 1e-6, 1e-4, 1e-2):
            try:
                self._factor = np.linalg.cholesky(covariance + (noise + jitter) * np.eye(len(codes)))
                break
            except np.linalg.LinAlgError:
                continue
        self._single_factor = self._factor.astype(np.float32)
        self._alpha = cho_solve((self._factor, True), targets, check_finite=False)
        self._prior_additive = np.exp(hyper.log_additive) / max(encoding.n_knobs, 1)
        self._slopes = self._prior_additive * (self._features.T @ self._alpha)

    def mean(self, codes: Codes) -> Floats:
        """Posterior mean, shape (n,)."""
        axes, features = self._embedded(codes)
        # What single knobs do needs no covariances: features times their weights.
        return np.asarray(self._joint(axes, self._axes) @ self._alpha + features @ self._slopes)

    def mean_and_deviation(self, codes: Codes) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation without the noise, shape (n,) each."""
        axes, features = self._embedded(codes)
        cross = self._kernel(axes, features)
        # The most work of a search, and twice as fast; of a deviation some digits are enough.
        solved = solve_triangular(self._single_factor, cross.T.astype(np.float32), lower=True, check_finite=False)
        prior = np.exp(self._hyper.log_joint) + self._prior_additive * (features**2).sum(axis=1)
        return np.asarray(cross @ self._alpha), np.sqrt(np.maximum(prior - (solved**2).sum(axis=0), LEAST_VARIANCE))

    def covariance(self, codes: Codes) -> Floats:
        """Posterior covariance of some points without the noise, shape (n, n)."""
        axes, features = self._embedded(codes)
        cross = self._kernel(axes, features)
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        return np.asarray(self._covariance((axes, features), (axes, features)) - solved.T @ solved)

    def believing(self, codes: Codes) -> GaussianProcess:
        """The same as if some points had been measured, and were as predicted."""
        known = np.concatenate([self._codes, codes])
        return GaussianProcess(self._encoding, known, np.r_[self._targets, self.mean(codes)], self._hyper)

    @property
    def noise(self) -> float:
        """Variance of the noise."""
        return float(np.exp(self._hyper.log_noise))

    def _embedded(self, codes: Codes) -> tuple[Floats, Floats]:
        axes, owners = self._encoding.axes(codes)
        return axes * np.exp(-self._hyper.log_lengths)[owners], self._encoding.additive(codes)

    def _kernel(self, axes: Floats, features: Floats) -> Floats:
        """Covariance with the data, shape (n_rows, n_data)."""
        return self._covariance((axes, features), (self._axes, self._features))

    def _covariance(self, rows: tuple[Floats, Floats], columns: tuple[Floats, Floats]) -> Floats:
        """Prior covariance of two sets of points, each embedded."""
        scale = np.exp(self._hyper.log_additive) / max(self._encoding.n_knobs, 1)
        return np.asarray(self._joint(rows[0], columns[0]) + scale * (rows[1] @ columns[1].T))

    def _joint(self, axes: Floats, others: Floats) -> Floats:
        """The part that is no sum over knobs, shape (n_rows, n_others)."""
        squared = (axes**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :] - 2 * axes @ others.T
        np.maximum(squared, 0.0, out=squared)
        r = np.sqrt(5.0 * squared)
        shape = 1.0 + r + (5.0 / 3.0) * squared
        np.negative(r, out=r)
        shape *= np.exp(r, out=r)
        return np.asarray(np.exp(self._hyper.log_joint) * shape)


class JointNormal:
    """The posterior at several points, of which some will soon be measured.

    Args:
        process: The posterior.
        codes: The points.
        centre: Added to the mean of the process, a number or shape (n,).
    """

    def __init__(self, process: GaussianProcess, codes: Codes, centre: Floats | float) -> None:
        self._noise = process.noise
        self._covariance = process.covariance(codes)
        self.mean: Floats = process.mean(codes) + centre

    @property
    def deviation(self) -> Floats:
        """Standard deviation without the noise, shape (n,)."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self._covariance), LEAST_VARIANCE)))

    def take(self, place: int) -> None:
        """One of them will be measured: as if it turned out as predicted, it leaves less open about the others."""
        column = self._covariance[:, place]
        self._covariance -= np.outer(column, column) / (max(column[place], LEAST_VARIANCE) + self._noise)
