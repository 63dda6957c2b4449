"""Fits coefficients that cannot be negative to measured cycles, by relative error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from cost_models.target import FitError

HOLD_OUT_EVERY = 3
"""Every third measurement is kept from the fit, to measure its error with."""


@dataclass(frozen=True)
class Fit:
    """Coefficients and what they leave.

    Attributes:
        coefficients: Cycles for each feature, none negative, shape (n_features,).
        errors: Prediction over measurement, less 1, of the measurements that were held out.
    """

    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def held_out(self) -> FitError:
        """Mean and largest size of the errors."""
        sizes = np.abs(self.errors)
        return FitError(mean=round(float(sizes.mean()), 4), max=round(float(sizes.max()), 4))


def fit_relative(features: NDArray[np.float64], cycles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative least squares on relative error: the x >= 0 with the least `|features @ x / cycles - 1|`.

    Args:
        features: Shape (n_measurements, n_features).
        cycles: Measured, above 0, shape (n_measurements,).
    """
    # Features differ by orders of magnitude; the solver's tolerance does not know that.
    scaled = features / cycles[:, None]
    sizes = np.linalg.norm(scaled, axis=0)
    sizes[sizes == 0] = 1
    solution, _ = nnls(scaled / sizes, np.ones(len(cycles)))
    return np.asarray(solution / sizes, np.float64)


def relative_errors(
    features: NDArray[np.float64], cycles: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Prediction over measurement, less 1."""
    return np.asarray(features @ coefficients / cycles - 1, np.float64)


def fit_and_hold_out(features: NDArray[np.float64], cycles: NDArray[np.float64]) -> Fit:
    """Fit to two thirds of the measurements and take the error on the others."""
    held_out = np.arange(len(cycles)) % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1
    coefficients = fit_relative(features[~held_out], cycles[~held_out])
    return Fit(coefficients, relative_errors(features[held_out], cycles[held_out], coefficients))


def leave_one_out(features: NDArray[np.float64], cycles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative error of each measurement, predicted from a fit to all others."""
    errors = np.empty(len(cycles))
    for index in range(len(cycles)):
        rest = np.arange(len(cycles)) != index
        coefficients = fit_relative(features[rest], cycles[rest])
        errors[index] = relative_errors(features[[index]], cycles[[index]], coefficients)[0]
    return errors
