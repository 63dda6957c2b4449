"""Learns which configurations keep to constraints that only an evaluation tells, and which fail."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.gaussian_process import GaussianProcess, Hyperparameters, fit_hyperparameters

Floats = NDArray[np.float64]
MARGIN = 0.5
"""How far inside the bounds what is feasible is taken to be where nobody tells, in units of the median violation."""
REFIT_GROWTH = 1.3
MOST = 300
WHOLE = -1
"""Place of what stands for everything that no excess tells."""


class Feasibility:
    """Gaussian processes on how far bounds are exceeded, below zero where they are kept.

    There is one for every constraint whose excess is told, and one for what is only known to be broken, or failed.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._bounds: dict[int, _Bound] = defaultdict(lambda: _Bound(encoding))
        self._active: list[_Bound] = []

    def fit(self, data: Data, is_known: NDArray[np.bool_]) -> None:
        """Fit to what was told, but for violations that are known beforehand."""
        rows = np.flatnonzero(~is_known)
        latest, best = rows[-MOST // 2 :], rows[np.argsort(data.violations[rows], kind="stable")][: MOST // 2]
        chosen = np.union1d(latest, best)
        told = np.flatnonzero(np.isfinite(data.excesses).all(axis=1))
        self._active = []
        for j in range(data.excesses.shape[1]):
            if (data.excesses[told, j] > 0).any():
                self._active.append(self._bounds[j])
                these = np.intersect1d(chosen, told)
                self._bounds[j].fit(data.codes[these], _compressed(data.excesses[these, j]))
        bad = (data.violations > 0) | ~data.is_measured
        if data.excesses.shape[1]:
            bad[told] = False
        if bad[rows].any():
            self._active.append(self._bounds[WHOLE])
            self._bounds[WHOLE].fit(data.codes[chosen], _steps(data.violations[chosen], bad[chosen]))

    def __call__(self, codes: Codes) -> Floats:
        """Probability that nothing is violated, shape (n,)."""
        chance = np.ones(len(codes))
        for bound in self._active:
            chance *= bound.chance(codes)
        return chance


def _compressed(excesses: Floats) -> Floats:
    """Logarithms on both sides of the bound, with its unit near it."""
    unit = float(np.median(np.abs(excesses))) or 1.0
    return np.asarray(np.sign(excesses) * np.log1p(np.abs(excesses) / unit))


def _steps(violations: Floats, bad: NDArray[np.bool_]) -> Floats:
    """The same where nothing is told of what keeps to the bounds."""
    unit = float(np.median(violations[violations > 0])) if (violations > 0).any() else 1.0
    return np.where(bad, np.log1p(np.maximum(violations / unit, 0.2)), -MARGIN)


class _Bound:
    """What is believed of one bound; what it remembers from fit to fit only makes the next one faster."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._hyper = Hyperparameters.default(encoding.n_knobs)
        self._n_fitted = 0

    def fit(self, codes: Codes, excesses: Floats) -> None:
        """Fit to excesses, shape (n,)."""
        self._shift, self._scale = float(excesses.mean()), float(excesses.std()) or 1.0
        targets = (excesses - self._shift) / self._scale
        if len(codes) >= max(8, REFIT_GROWTH * self._n_fitted):
            self._n_fitted = len(codes)
            self._hyper = fit_hyperparameters(self._encoding, codes, targets, self._hyper)
        self._process = GaussianProcess(self._encoding, codes, targets, self._hyper)

    def chance(self, codes: Codes) -> Floats:
        """Probability that it is kept, shape (n,)."""
        mean, deviation = self._process.mean_and_deviation(codes)
        return np.asarray(ndtr(-(self._shift / self._scale + mean) / deviation))
