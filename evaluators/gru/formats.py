"""How integers stand for real numbers, and which scale and zero point represent given values best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Function = Callable[[Floats], Floats]

# Shares of the full range that the search may keep: below a tenth, clipping costs more than it saves at any width.
_KEPT_SHARES = np.linspace(1.0, 0.1, 19)


@dataclass(frozen=True)
class Format:
    """Integers q of `bits` bits that stand for scale * (q - zero_point).

    Attributes:
        bits: From 2 to 16.
        scale: Positive.
        zero_point: In [low, high]; the integer that stands for 0 exactly.
    """

    bits: int
    scale: float
    zero_point: int = 0

    @property
    def low(self) -> int:
        """The least integer."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The greatest integer."""
        return (1 << (self.bits - 1)) - 1

    def quantize(self, values: Floats) -> Integers:
        """The integers nearest to real values, halves upwards, limited to the range."""
        nearest = np.floor(values / self.scale + 0.5) + self.zero_point
        q: Integers = np.clip(nearest, self.low, self.high).astype(np.int64)
        return q

    def dequantize(self, q: Integers) -> Floats:
        """The real values that integers stand for."""
        return np.float64(self.scale) * (q - self.zero_point)


def tensor_format(values: Floats, bits: int, low: float, high: float, read_through: Function | None) -> Format:
    """The format with the least mean squared error over the values of a tensor.

    The range starts at [low, high], then both ends together, the lower and the upper are moved towards zero
    in steps of a twentieth, each time to where the error is least.

    Args:
        values: A sample of the tensor.
        bits: Width.
        low, high: The whole tensor's extremes.
        read_through: The function of the look-up table that alone reads the tensor: the error is then taken
            behind it. None: the error of the values themselves.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:  # A tensor that is always zero: any scale will do, as zero is exact.
        return Format(bits, 1.0)
    lower, upper = _best_range(values, bits, low * _KEPT_SHARES, high * _KEPT_SHARES, read_through)
    lower, upper = _best_range(values, bits, low * _KEPT_SHARES, np.full_like(_KEPT_SHARES, upper), read_through)
    lower, upper = _best_range(values, bits, np.full_like(_KEPT_SHARES, lower), high * _KEPT_SHARES, read_through)
    scales, zero_points = _asymmetric(bits, np.array([lower]), np.array([upper]))
    return Format(bits, float(scales[0]), int(zero_points[0]))


def weight_format(weights: Floats, bits: int) -> Format:
    """The symmetric format (zero point 0) with the least mean squared error over a weight matrix."""
    largest = float(np.max(np.abs(weights)))
    if largest == 0.0:
        return Format(bits, 1.0)
    formats = [Format(bits, float(share * largest / ((1 << (bits - 1)) - 1))) for share in _KEPT_SHARES]
    errors = [np.mean((f.dequantize(f.quantize(weights)) - weights) ** 2) for f in formats]
    return formats[int(np.argmin(errors))]


def _best_range(
    values: Floats, bits: int, lower: Floats, upper: Floats, read_through: Function | None
) -> tuple[float, float]:
    """The range [lower[i], upper[i]] with the least mean squared error; the first, so the widest, of equals."""
    scales, zero_points = (column[:, None] for column in _asymmetric(bits, lower, upper))
    least = -(1 << (bits - 1))
    represented = np.floor(values / scales + 0.5)
    np.clip(represented, least - zero_points, -least - 1 - zero_points, out=represented)
    represented *= scales
    if read_through is not None:
        represented, values = read_through(represented), read_through(values)
    best = int(np.argmin(np.mean((represented - values) ** 2, axis=1)))
    return float(lower[best]), float(upper[best])


def _asymmetric(bits: int, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Scales and zero points whose integers span [lower, upper] as nearly as an exact zero allows."""
    scales = (upper - lower) / ((1 << bits) - 1)
    least = -(1 << (bits - 1))
    return scales, np.clip(np.floor(least - lower / scales + 0.5), least, -least - 1)
