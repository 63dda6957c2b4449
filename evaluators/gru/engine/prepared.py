"""Arrays that depend on one width or on two: made on first use, kept, and handed to the kernel by their address."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.calibration import TABLE_FUNCTIONS, CalibratedGru, linear_maps
from evaluators.gru.constants import complement_constants, lookup_table, product_bias
from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.layout import BYTE_OFFSET
from evaluators.gru.formats import Floats, Format, Integers
from evaluators.gru.operators import WIDE_BITS
from evaluators.machine_code.memory import aligned

Addresses = NDArray[np.uint64]
_Array = NDArray[np.generic]
_TABLE_ENTRIES = 256


class PreparedArrays:
    """Integer weights, biases and tables of one calibrated network, packed for one set of instructions.

    The addresses stay valid for as long as this object lives.
    """

    def __init__(self, calibrated: CalibratedGru, instructions: Instructions) -> None:
        self._calibrated = calibrated
        self._instructions = instructions
        self._maps = linear_maps(calibrated.weights)
        self._kept: dict[tuple[str, str], _Pairs] = {}

    def weights(self, slot: str, bits: Integers) -> Addresses:
        """Where the packed weights of each width lie."""
        return self._pairs("weights", slot).get(bits, bits, lambda width, _: self._weights(slot, width))[0]

    def biases(self, slot: str, read: str, bits: Integers, read_bits: Integers) -> tuple[Addresses, Floats]:
        """Where the biases for each pair of widths lie, and how large accumulators can become with them."""
        return self._pairs("biases", slot).get(
            bits, read_bits, lambda width, read_width: self._biases(slot, width, read, read_width)
        )

    def tables(self, slot: str, read: str, bits: Integers, read_bits: Integers) -> Addresses:
        """Where the look-up tables for each pair of widths lie."""
        return self._pairs("table", slot).get(
            bits, read_bits, lambda width, read_width: (self._table(slot, width, read, read_width), 0.0)
        )[0]

    def _pairs(self, kind: str, slot: str) -> _Pairs:
        return self._kept.setdefault((kind, slot), _Pairs())

    def _integers(self, slot: str, width: int) -> NDArray[np.int8]:
        return self._calibrated.format(slot, width).quantize(self._maps[slot][0]).astype(np.int8)

    def _weights(self, slot: str, width: int) -> tuple[_Array, float]:
        return self._instructions.pack_weights(self._integers(slot, width)), 0.0

    def _biases(self, slot: str, width: int, read: str, read_width: int) -> tuple[_Array, float]:
        weights = self._integers(slot, width).astype(np.int64)
        read_format = self._calibrated.format(read, read_width)
        bias = product_bias(self._maps[slot][1], self._calibrated.format(slot, width).scale, read_format.scale)
        # The kernel multiplies q + BYTE_OFFSET where the arithmetic says q - zero_point.
        start = bias - (read_format.zero_point + BYTE_OFFSET) * weights.sum(axis=1)
        bound = (np.abs(start) + 255 * np.abs(weights).sum(axis=1)).max()
        return self._instructions.pack_biases(start), float(bound)

    def _table(self, slot: str, width: int, read: str, read_width: int) -> _Array:
        """One byte for each byte that the kernel holds: q from sums, q + BYTE_OFFSET from other tables."""
        read_format, written = self._calibrated.format(read, read_width), self._calibrated.format(slot, width)
        operator = slot.partition(".")[2]
        table = np.zeros(_TABLE_ENTRIES, np.uint8)
        q = np.arange(read_format.low, read_format.high + 1)
        if operator == "complement_update":
            table[q + BYTE_OFFSET] = _complement(q, read_format, written) + BYTE_OFFSET
        else:
            entries = lookup_table(TABLE_FUNCTIONS[operator], read_format, written).astype(np.int64)
            table[q % _TABLE_ENTRIES] = entries + BYTE_OFFSET
        return table


def _complement(q: Integers, read: Format, written: Format) -> Integers:
    multiplier, constant, shift = complement_constants(read, written)
    complement: Integers = np.clip((q * multiplier + constant) >> shift, written.low, written.high)
    return complement


class _Pairs:
    """One array, and one number, for each pair of widths that was ever asked for."""

    def __init__(self) -> None:
        self._arrays: list[_Array] = []
        self._addresses = np.zeros((WIDE_BITS + 1, WIDE_BITS + 1), np.uint64)
        self._numbers = np.zeros((WIDE_BITS + 1, WIDE_BITS + 1))

    def get(
        self, a: Integers, b: Integers, make: Callable[[int, int], tuple[_Array, float]]
    ) -> tuple[Addresses, Floats]:
        missing = self._addresses[a, b] == 0
        if missing.any():
            for pair in {(int(x), int(y)) for x, y in zip(a[missing], b[missing], strict=True)}:
                array, self._numbers[pair] = make(*pair)
                self._arrays.append(aligned(array))
                self._addresses[pair] = self._arrays[-1].ctypes.data
        return self._addresses[a, b], self._numbers[a, b]
