"""What a model sees of an objective: standardized values, logarithms where differences shrink towards the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OFFSET = 0.01
"""Added before the logarithm, in units of the range."""
MARGIN = 0.2
"""How far below the lowest value of a damage zero is, where it has none of its own; in units of the range."""


@dataclass(frozen=True)
class Transform:
    """y -> standardized z, and back.

    Attributes:
        is_log: Whether logarithms are taken.
        low: Where the logarithm starts.
        unit: What y is divided by.
        centre, scale: Of standardization.
    """

    is_log: bool
    low: float
    unit: float
    centre: float
    scale: float

    @classmethod
    def fitted(cls, values: Floats, is_log: bool, is_damage: bool = False) -> Transform:
        """For the values seen.

        Args:
            values: Shape (n,).
            is_log: Whether logarithms are taken.
            is_damage: A logarithm that starts at the lowest value seen would make an outlier of the best, and of
                others as that falls: values that are not negative keep their own zero, however far they stay above
                it, and others have theirs well below the lowest.
        """
        unit = float(np.ptp(values)) or max(abs(float(values[0])), 1.0)
        lowest = float(values.min())
        # A quality that starts at zero, such as an error rate, keeps its own zero.
        low = lowest - (MARGIN * unit if is_damage else 0.0)
        if lowest >= 0 and (is_damage or lowest <= 0.2 * unit):
            low = 0.0
        raw = cls(is_log, low, unit, 0.0, 1.0)
        z = raw(values)
        scale = float(z.std())
        return cls(is_log, low, unit, float(z.mean()), scale if scale > 1e-12 else 1.0)

    def __call__(self, values: Floats) -> Floats:
        """Standardized values."""
        scaled = (values - self.low) / self.unit
        z = np.log(np.maximum(scaled, -0.5 * OFFSET) + OFFSET) if self.is_log else scaled
        return np.asarray((z - self.centre) / self.scale)

    def inverse(self, z: Floats) -> Floats:
        """Back to values."""
        z = z * self.scale + self.centre
        scaled = np.exp(np.minimum(z, 20.0)) - OFFSET if self.is_log else z
        return np.asarray(self.low + self.unit * scaled)

    def log_slope(self, values: Floats) -> float:
        """Sum of log dz/dy, by which likelihoods of different transforms can be compared; up to a constant."""
        slope = -len(values) * np.log(self.scale)
        if self.is_log:
            slope -= float(np.log(np.maximum((values - self.low) / self.unit, -0.5 * OFFSET) + OFFSET).sum())
        return float(slope)
