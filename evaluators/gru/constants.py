"""The integer constants of each kind of operator: the formulas of docs/integer_gru.md, elementwise over arrays.

Everything here is computed once, off the device, in double precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import EvaluationError
from evaluators.gru.formats import Floats, Format, Function, Integers

MULTIPLIER_BITS = 24
MAX_SHIFT = 55
MAX_BIAS = 1 << 30
_WIDE_SUM_SHIFT = 40


class QuantizationError(EvaluationError):
    """The formats of an operator's tensors cannot be expressed by its integer arithmetic."""


def requantization(ratio: Floats) -> tuple[Integers, Integers]:
    """Multiplier M (odd, 24 bits) and shift S of real ratios: M * 2**-S is about ratio.

    Raises:
        QuantizationError: A ratio is not in [2**-32, 2**23).

    >>> requantization(np.array([0.5, 0.75]))
    (array([ 8388609, 12582913]), array([24, 24]))
    """
    fraction, exponent = np.frexp(ratio)
    shift = MULTIPLIER_BITS - exponent.astype(np.int64)
    if not np.all((ratio > 0) & np.isfinite(ratio) & (shift >= 1) & (shift <= MAX_SHIFT)):
        raise QuantizationError(f"a ratio of scales is outside [2**-32, 2**23): {np.ravel(ratio)}")
    multiplier = 2 * np.floor(fraction * 2.0 ** (MULTIPLIER_BITS - 1)).astype(np.int64) + 1
    return multiplier, shift


def sum_constants(
    ratio_a: Floats,
    ratio_b: Floats,
    zero_points: tuple[Integers, Integers, Integers],
    bits_out: Integers,
    is_wide: NDArray[np.bool_],
    one_out: Floats | None = None,
) -> tuple[Integers, Integers, Integers, Integers]:
    """Multipliers M_a and M_b, constant K and shift S of sums.

    Args:
        ratio_a, ratio_b: s_a / s_o and s_b / s_o, with their signs.
        zero_points: Of a, b and the output.
        bits_out: Width of the output.
        is_wide: Whether a, b or the output is wider than 8 bits, so that the sum takes 64-bit arithmetic.
        one_out: What the sum adds to its operands, divided by s_o: 1 / s_o for a complement.

    Raises:
        QuantizationError: No shift keeps the constants within their bounds.
    """
    shifts = np.arange(1, _WIDE_SUM_SHIFT + 1)
    one = np.zeros(1) if one_out is None else one_out
    m_a, m_b, added = (np.floor(ratio[..., None] * 2.0**shifts + 0.5) for ratio in (ratio_a, ratio_b, one))
    z_a, z_b, z_o = (z[..., None] for z in zero_points)
    # Exact wherever the bounds hold: only 64-bit sums exceed 2**53, and their bound on K never binds.
    constant = 2.0 ** (shifts - 1) + z_o * 2.0**shifts - z_a * m_a - z_b * m_b + added
    wide = is_wide[..., None]
    fits = np.maximum(np.abs(m_a), np.abs(m_b)) < np.where(wide, 2.0**24, 2.0**21)
    fits &= np.abs(constant) < np.where(wide, 2.0**60, 2.0**30)
    fits &= shifts <= np.where(wide, _WIDE_SUM_SHIFT, 30 - bits_out[..., None])
    if not fits.any(axis=-1).all():
        raise QuantizationError(f"no shift fits the ratios of a sum: {np.ravel(ratio_a)}, {np.ravel(ratio_b)}")
    best = shifts.size - 1 - np.argmax(fits[..., ::-1], axis=-1)
    multiplier_a, multiplier_b, one_added = (
        np.take_along_axis(np.broadcast_to(values, fits.shape), best[..., None], axis=-1)[..., 0].astype(np.int64)
        for values in (m_a, m_b, added)
    )
    shift = shifts[best]
    exact = (1 << (shift - 1)) + (zero_points[2] << shift) + one_added
    exact = exact - zero_points[0] * multiplier_a - zero_points[1] * multiplier_b
    return multiplier_a, multiplier_b, exact, shift


def product_bias(bias: Floats, scale_weight: float, scale_input: float) -> NDArray[np.int32]:
    """Biases in units of the accumulator, limited to +-2**30."""
    nearest = np.floor(bias / (scale_weight * scale_input) + 0.5)
    return np.clip(nearest, -MAX_BIAS, MAX_BIAS).astype(np.int32)


def lookup_table(function: Function, read: Format, written: Format) -> NDArray[np.int8]:
    """What a look-up table writes for each integer it may read, from the least upwards."""
    return written.quantize(function(read.dequantize(np.arange(read.low, read.high + 1)))).astype(np.int8)


def complement_constants(read: Format, written: Format) -> tuple[int, int, int]:
    """Multiplier M, constant K and shift S of a complement, a sum without a second operand.

    Raises:
        QuantizationError: No shift keeps the constants within their bounds.
    """
    zero = np.zeros(1, np.int64)
    m, _, k, shift = sum_constants(
        np.array([-read.scale / written.scale]),
        np.zeros(1),
        (zero + read.zero_point, zero, zero + written.zero_point),
        zero + written.bits,
        np.array([False]),
        np.array([1.0 / written.scale]),
    )
    return int(m[0]), int(k[0]), int(shift[0])
