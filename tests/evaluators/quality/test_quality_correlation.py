"""Agreement of predictions with labels: by hand, by SciPy, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import pearsonr

from evaluators.errors import EvaluationError
from evaluators.quality.correlation import agreement


def test_by_hand():
    # Deviations of x: -1.5 -.5 .5 1.5; of y: -1 -2 2 1. Products: 1.5 + 1 + 1 + 1.5 = 5, squares: 5 and 10.
    # Ranks of y: 2 1 4 3, rank differences 1 1 1 1: 1 - 6 * 4 / (4 * 15) = 0.6. Errors x - y: -1 1 -2 0 -> 6 / 4.
    found = agreement([1, 2, 3, 4], [2, 1, 5, 4])
    assert found.n == 4
    assert found.pearson.value == pytest.approx(5 / math.sqrt(50))
    assert found.spearman.value == pytest.approx(0.6)
    assert found.mse.value == pytest.approx(1.5)
    # Squares 1 1 4 0: variance (0.25 + 0.25 + 6.25 + 2.25) / 3 = 3, over 4 pairs.
    assert found.mse.standard_error == pytest.approx(math.sqrt(3 / 4))
    assert found.mse.low == 0


def test_interval_of_pearson_is_that_of_scipy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(50)
    y = x + rng.standard_normal(50)
    found = agreement(x, y).pearson
    expected = pearsonr(x, y).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.low < found.value < found.high


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_standard_errors_are_the_spread_over_samples(name):
    rng = np.random.default_rng(1)
    estimates = []
    for _ in range(300):
        x = rng.standard_normal(200)
        y = 0.8 * x + 0.6 * rng.standard_normal(200)
        estimates.append(getattr(agreement(x, y), name))
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([estimate.standard_error for estimate in estimates]) == pytest.approx(spread, rel=0.15)
    # Pearson's of these is 0.8; Spearman's of normal variables follows from it.
    truth = 0.8 if name == "pearson" else 6 / math.pi * math.asin(0.8 / 2)
    covered = np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])
    assert 0.91 <= covered <= 0.99


def test_perfect_agreement_is_certain():
    found = agreement([1.0, 2.0, 3.0, 4.5], [1.0, 2.0, 3.0, 4.5])
    assert found.pearson.value == pytest.approx(1)
    assert found.pearson.low <= found.pearson.high <= 1
    assert (found.mse.value, found.mse.standard_error) == (0, 0)


@pytest.mark.parametrize(
    ("predicted", "true", "told"),
    [
        ([1, 2, 3, 4], [2, 2, 2, 2], "all 4 labels are 2: no correlation"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "all 4 predictions are 1: no correlation"),
        ([1, 2, 3, 4], [1, math.nan, 3, 4], "1 of 4 labels are missing"),
        ([1, 2, math.inf, math.nan], [1, 2, 3, 4], "2 of 4 predictions are missing"),
        ([1, 2, 3], [1, 2, 3], "3 predictions: a correlation takes at least 4"),
        ([], [], "0 predictions"),
    ],
)
def test_what_has_no_correlation(predicted, true, told):
    with pytest.raises(EvaluationError, match=told):
        agreement(predicted, true)


def test_shapes_must_match():
    with pytest.raises(ValueError, match="4 predictions for 5 labels"):
        agreement([1, 2, 3, 4], [1, 2, 3, 4, 5])
