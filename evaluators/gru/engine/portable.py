"""Any processor: plain vectors of floats and integers, look-up tables read lane by lane."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.engine.layout import BYTE_OFFSET
from evaluators.gru.formats import Integers
from evaluators.machine_code.rounding import MAGIC_BITS
from evaluators.machine_code.vectors import F32, I8, I32, I64, Pointer, Value, Variable, loop, stack


@dataclass(frozen=True)
class Portable:
    """Dot products in floats, which hold every sum below 2**24 exactly."""

    lanes: int = 16
    group: ClassVar[int] = 1
    name: ClassVar[str] = "portable"
    features: ClassVar[tuple[str, ...]] = ()

    @property
    def row_order(self) -> Integers:
        """The lanes' own order."""
        return np.arange(self.lanes)

    @classmethod
    def for_features(cls, features: Set[str]) -> Portable:
        """As many lanes as suit the length and the number of the processor's registers."""
        return cls(64 if "avx512f" in features else 16)

    def pack_weights(self, weights: NDArray[np.int8]) -> NDArray[np.generic]:
        """float32."""
        return weights.astype(np.float32)

    def pack_biases(self, biases: Integers) -> NDArray[np.generic]:
        """float32."""
        return biases.astype(np.float32)

    def dot_products(
        self, operand: Pointer, n_groups: Value, weights: Sequence[Pointer], biases: Sequence[Pointer]
    ) -> list[Value]:
        """One feature at a time."""
        sums = [Variable(bias.load(F32).splat(self.lanes)) for bias in biases]
        with loop(n_groups) as group:
            x = (operand + group * (4 * self.lanes)).load(F32, self.lanes)
            for row, accumulator in zip(weights, sums, strict=True):
                accumulator.value = x.fma((row + group * 4).load(F32), accumulator.value)
        return [accumulator.value for accumulator in sums]

    def pack_operand(self, rows: Pointer, n_groups: Value, operand: Pointer) -> None:
        """Bytes to floats."""
        with loop(n_groups) as group:
            row = (rows + group * self.lanes).load(I8, self.lanes)
            (operand + group * (4 * self.lanes)).store(row.unsigned_to(I32).to(F32))

    def table_index(self, q: Value, low: Value, high: Value) -> Value:
        """Limited, then truncated."""
        return q.clamp(low, high).to(I8)

    def look_up(self, table: Pointer, index: Value) -> Value:
        """By way of memory, which takes fewer instructions than moving lanes about; eight indices are read at once."""
        places, entries = (stack(index.builder, self.lanes) for _ in range(2))
        places.store(index)
        for first in range(0, self.lanes, 8):
            eight = (places + first).load(I64)
            for lane in range(8):  # the first is the lowest byte: llvmlite's processors are little-endian
                place = (eight >> (8 * lane)).to(I8).unsigned_to(I64)
                (entries + (first + lane)).store((table + place).load(I8))
        return entries.load(I8, self.lanes)

    def widen(self, entries: Value) -> Value:
        """The bits of a float MAGIC + byte are MAGIC_BITS + byte."""
        return (entries.unsigned_to(I32) + MAGIC_BITS).bits_as(F32)

    def store_row(self, q: Value, row: Pointer) -> None:
        """Truncated to bytes."""
        row.store((q + BYTE_OFFSET).to(I8))
