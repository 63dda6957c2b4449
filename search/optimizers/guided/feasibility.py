"""Learns which configurations keep to constraints that only an evaluation tells, and which fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.gaussian_process import GaussianProcess, Hyperparameters, fit_hyperparameters

Floats = NDArray[np.float64]
MARGIN = 0.5
"""How far inside the bounds a feasible configuration is taken to be, in units of the median violation."""
REFIT_GROWTH = 1.3
MOST = 300


class Feasibility:
    """A Gaussian process on the violation, below zero where nothing is violated."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._hyper = Hyperparameters.default(encoding.n_knobs)
        self._n_fitted = 0
        self._process: GaussianProcess | None = None
        self._shift, self._scale = 0.0, 1.0

    def fit(self, data: Data, is_known: NDArray[np.bool_]) -> None:
        """Fit to what was told, but for violations that are known beforehand."""
        rows = np.flatnonzero(~is_known)
        bad = (data.violations > 0) | ~data.is_measured
        self._process = None
        if not bad[rows].any():
            return
        latest, best = rows[-MOST // 2 :], rows[np.argsort(data.violations[rows], kind="stable")][: MOST // 2]
        rows = np.union1d(latest, best)
        violations = data.violations[rows]
        unit = float(np.median(violations[violations > 0])) if (violations > 0).any() else 1.0
        targets = np.where(bad[rows], np.log1p(np.maximum(violations / unit, 0.2)), -MARGIN)
        self._shift, self._scale = float(targets.mean()), float(targets.std()) or 1.0
        targets = (targets - self._shift) / self._scale
        if len(rows) >= max(8, REFIT_GROWTH * self._n_fitted):
            self._n_fitted = len(rows)
            self._hyper = fit_hyperparameters(self._encoding, data.codes[rows], targets, self._hyper)
        self._process = GaussianProcess(self._encoding, data.codes[rows], targets, self._hyper)

    def __call__(self, codes: Codes) -> Floats:
        """Probability that nothing is violated, shape (n,)."""
        if self._process is None:
            return np.ones(len(codes))
        mean, deviation = self._process.mean_and_deviation(codes)
        return np.asarray(ndtr(-(self._shift / self._scale + mean) / deviation))
