"""Learns which configurations keep to constraints that only an evaluation tells, and which fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.gaussian_process import GaussianProcess, Hyperparameters, JointNormal, fit_hyperparameters

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
        is_told = np.isfinite(data.excesses).all(axis=1) & (data.excesses.shape[1] > 0)
        told = _most_telling(data, is_told)
        self._active = []
        # A bound that was ever exceeded keeps its model, also when those trials are no longer among the most telling.
        for j in np.flatnonzero((data.excesses[is_told] > 0).any(axis=0)).tolist():
            self._active.append(self._bounds[j])
            self._bounds[j].fit(data.codes[told], _compressed(data.excesses[told, j]))
        is_bad = ((data.violations > 0) | ~data.is_measured) & ~is_told & ~is_known
        if is_bad.any():
            rows = _most_telling(data, ~is_known)
            self._active.append(self._bounds[WHOLE])
            self._bounds[WHOLE].fit(data.codes[rows], _steps(data.violations[rows], is_bad[rows]))

    def __call__(self, codes: Codes) -> Floats:
        """Probability that nothing is violated, shape (n,)."""
        chance = np.ones(len(codes))
        for bound in self._active:
            chance *= ndtr(-bound.standardized(codes))
        return chance

    def jointly(self, codes: Codes) -> JointChance:
        """The same for candidates of which some will soon be measured."""
        return JointChance([bound.joint(codes) for bound in self._active], len(codes))

    @property
    def is_learned(self) -> bool:
        """Whether any bound was ever exceeded, as far as only evaluations tell."""
        return bool(self._active)


class JointChance:
    """Probability that several candidates keep to all bounds.

    Args:
        bounds: What is believed of each.
        n: How many candidates.
    """

    def __init__(self, bounds: Sequence[JointNormal], n: int) -> None:
        self._bounds, self._n = bounds, n

    def __call__(self) -> Floats:
        """Shape (n,)."""
        chance = np.ones(self._n)
        for bound in self._bounds:
            chance *= ndtr(-bound.mean / bound.deviation)
        return chance

    def take(self, place: int) -> None:
        """One of them will be measured: as if it turned out as predicted, it leaves less open about the others."""
        for bound in self._bounds:
            bound.take(place)


def _most_telling(data: Data, is_asked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The latest of some observations and those that violate least, at most `MOST`."""
    rows = np.flatnonzero(is_asked)
    best = rows[np.argsort(data.violations[rows], kind="stable")][: MOST // 2]
    return np.union1d(rows[-MOST // 2 :], best)


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

    def standardized(self, codes: Codes) -> Floats:
        """How many deviations above the bound it is, shape (n,)."""
        mean, deviation = self._process.mean_and_deviation(codes)
        return np.asarray((self._shift / self._scale + mean) / deviation)

    def joint(self, codes: Codes) -> JointNormal:
        """What is believed of several candidates together."""
        return JointNormal(self._process, codes, self._shift / self._scale)
