"""AVX2: dot products of two 16-bit numbers at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.engine.packing import grouped_columns, int32_limited
from evaluators.gru.engine.portable import Portable
from evaluators.gru.formats import Integers
from evaluators.machine_code.vectors import (
    F32,
    I8,
    I16,
    I32,
    Pointer,
    Value,
    Variable,
    intrinsic,
    joined,
    loop,
    vector_of,
)

_INT32_LANES = 8


@dataclass(frozen=True)
class Avx2(Portable):
    """32 lanes: a register of bytes, four registers of int32."""

    lanes: int = 32
    group: ClassVar[int] = 2
    name: ClassVar[str] = "avx2"
    features: ClassVar[tuple[str, ...]] = ("avx2", "fma")

    def pack_weights(self, weights: NDArray[np.int8]) -> NDArray[np.generic]:
        """Two weights of 16 bits as one int32."""
        return grouped_columns(weights, self.group).astype(np.int16)

    def pack_biases(self, biases: Integers) -> NDArray[np.generic]:
        """int32."""
        return int32_limited(biases)

    def dot_products(
        self, operand: Pointer, n_groups: Value, weights: Sequence[Pointer], biases: Sequence[Pointer]
    ) -> list[Value]:
        """Sums in int32."""
        sums = [Variable(bias.load(I32).splat(self.lanes)) for bias in biases]
        with loop(n_groups) as group:
            x = (operand + group * (4 * self.lanes)).load(I16, 2 * self.lanes)
            for row, accumulator in zip(weights, sums, strict=True):
                weight = (row + group * 4).load(I32).splat(_INT32_LANES).bits_as(I16)
                parts = [_dot_products(part, weight) for part in x.split(2 * _INT32_LANES)]
                accumulator.value = accumulator.value + joined(parts)
        return [accumulator.value.to(F32) for accumulator in sums]

    def pack_operand(self, rows: Pointer, n_groups: Value, operand: Pointer) -> None:
        """Two rows of bytes to two 16-bit numbers a lane."""
        with loop(n_groups) as group:
            place = rows + group * (2 * self.lanes)
            a, b = ((place + self.lanes * row).load(I8, self.lanes).unsigned_to(I32) for row in range(2))
            (operand + group * (4 * self.lanes)).store(a + (b << 16))


def _dot_products(x: Value, weight: Value) -> Value:
    return intrinsic("llvm.x86.avx2.pmadd.wd", vector_of(I32, _INT32_LANES), x, weight)
