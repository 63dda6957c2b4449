"""How well predicted scores agree with true ones, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.errors import EvaluationError

CONFIDENCE = 0.95
FEWEST = 4
"""Pairs that a confidence interval takes: Fisher's z has n - 3 degrees of freedom."""


@dataclass(frozen=True)
class Estimate:
    """A figure measured on a sample.

    Attributes:
        value: The figure.
        standard_error: Its standard error, to first order.
        low: Where the 95 % confidence interval begins.
        high: Where it ends.
    """

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Predicted against true scores.

    Examples count as independent of each other; those that share a speaker or a noise are not quite, so that with few
    of them the intervals are somewhat too narrow.

    Attributes:
        n: Number of pairs.
        pearson: Linear correlation.
        spearman: Rank correlation.
        mse: Mean squared error.
    """

    n: int
    pearson: Estimate
    spearman: Estimate
    mse: Estimate


def agreement(predicted: ArrayLike, true: ArrayLike) -> Agreement:
    """Correlations and mean squared error with 95 % intervals.

    Intervals: Fisher's z for Pearson's correlation; for Spearman's with the variance of Bonett and Wright, "Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations", 2000; the normal one for the error.

    Args:
        predicted: Shape (n,).
        true: Shape (n,), in the same order.

    Raises:
        EvaluationError: If either is not finite or constant, or there are fewer than 4 pairs: no correlation is then
            defined, or no interval.
        ValueError: If the shapes differ.
    """
    x, y = _checked("predictions", predicted), _checked("labels", true)
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} predictions for {len(y)} labels")
    # SciPy takes a quarter of a second to import.
    from scipy.stats import pearsonr, spearmanr

    n = len(x)
    pearson, spearman = float(pearsonr(x, y).statistic), float(spearmanr(x, y).statistic)
    squares = np.square(x - y)
    error, spread = float(squares.mean()), float(squares.std(ddof=1)) / math.sqrt(n)
    half = _quantile() * spread
    return Agreement(
        n=n,
        pearson=_fisher(pearson, 1 / math.sqrt(n - 3)),
        spearman=_fisher(spearman, math.sqrt((1 + spearman**2 / 2) / (n - 3))),
        mse=Estimate(error, spread, max(0.0, error - half), error + half),
    )


def _checked(what: str, given: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"{what} of shape {values.shape}, not one number for each example")
    if len(values) < FEWEST:
        raise EvaluationError(f"{len(values)} {what}: a correlation takes at least {FEWEST}")
    if not np.isfinite(values).all():
        n_missing = int((~np.isfinite(values)).sum())
        raise EvaluationError(f"{n_missing} of {len(values)} {what} are missing or not finite: no correlation")
    # Up to rounding: what differs by less says nothing, and its correlation would be one of errors of rounding.
    if np.ptp(values) <= 1e-6 * max(1.0, float(np.abs(values).max())):
        raise EvaluationError(f"all {len(values)} {what} are {values[0]:g}: no correlation with what never changes")
    return values


def _fisher(r: float, spread_of_z: float) -> Estimate:
    """The interval is symmetric in z = atanh r; the standard error is carried back by dr/dz = 1 - r^2."""
    within = min(max(r, -1.0), 1.0)
    if abs(within) == 1.0:
        return Estimate(within, 0.0, within, within)
    z, half = math.atanh(within), _quantile() * spread_of_z
    return Estimate(within, (1 - within**2) * spread_of_z, math.tanh(z - half), math.tanh(z + half))


def _quantile() -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + CONFIDENCE) / 2))
