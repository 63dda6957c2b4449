"""AVX512 with VNNI and VBMI: dot products of four bytes at a time, look-up tables in registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.engine.layout import BYTE_OFFSET
from evaluators.gru.engine.packing import grouped_columns, int32_limited
from evaluators.gru.formats import Integers
from evaluators.machine_code.rounding import MAGIC_BITS
from evaluators.machine_code.vectors import (
    F32,
    I8,
    I16,
    I32,
    Pointer,
    Value,
    Variable,
    constant,
    intrinsic,
    joined,
    loop,
    vector_of,
)

_REGISTER_BYTES = 64
_REGISTERS = range(4)


@dataclass(frozen=True)
class Avx512Vnni:
    """64 lanes: a register of bytes, four registers of int32.

    Narrowing and interleaving work on each 128 bits of a register on their own. Rows are left in the order that
    narrowing gives; interleaving, on the way to an operand or to floats, undoes it.
    """

    lanes: ClassVar[int] = 64
    group: ClassVar[int] = 4
    name: ClassVar[str] = "avx512-vnni"
    features: ClassVar[tuple[str, ...]] = ("avx512f", "avx512bw", "avx512vnni", "avx512vbmi")

    @property
    def row_order(self) -> Integers:
        """Four lanes of each register in turn, for each 128 bits."""
        return np.arange(64).reshape(4, 4, 4).transpose(1, 0, 2).ravel()

    def pack_weights(self, weights: NDArray[np.int8]) -> NDArray[np.generic]:
        """Four weights as one int32."""
        return grouped_columns(weights, self.group)

    def pack_biases(self, biases: Integers) -> NDArray[np.generic]:
        """int32."""
        return int32_limited(biases)

    def dot_products(
        self, operand: Pointer, n_groups: Value, weights: Sequence[Pointer], biases: Sequence[Pointer]
    ) -> list[Value]:
        """Sums in int32: `vpdpbusd` multiplies bytes without a sign by bytes with one and does not saturate."""
        sums = [[Variable(bias.load(I32).splat(16)) for _ in _REGISTERS] for bias in biases]
        with loop(n_groups) as group:
            place = operand + group * (4 * _REGISTER_BYTES)
            read = [(place + _REGISTER_BYTES * register).load(I32, 16) for register in _REGISTERS]
            for row, accumulators in zip(weights, sums, strict=True):
                weight = (row + group * 4).load(I32).splat(16)
                for accumulator, x in zip(accumulators, read, strict=True):
                    accumulator.value = _add_dot_products(accumulator.value, x, weight)
        return [joined([part.value for part in accumulators]).to(F32) for accumulators in sums]

    def pack_operand(self, rows: Pointer, n_groups: Value, operand: Pointer) -> None:
        """Four rows of bytes to four bytes a lane."""
        with loop(n_groups) as group:
            offset = group * (4 * _REGISTER_BYTES)
            a, b, c, d = ((rows + offset + _REGISTER_BYTES * row).load(I8, 64) for row in range(4))
            pairs = zip(_interleaved(a, b), _interleaved(c, d), strict=True)
            fours = [four for ab, cd in pairs for four in _interleaved(ab.bits_as(I16), cd.bits_as(I16))]
            for register, value in enumerate(fours):
                (operand + offset + _REGISTER_BYTES * register).store(value)

    def table_index(self, q: Value, low: Value, high: Value) -> Value:
        """Limited to 8 bits on narrowing and to the width afterwards, when there are fewer registers."""
        return _narrowed(q).clamp(low.to(I8), high.to(I8))

    def look_up(self, table: Pointer, index: Value) -> Value:
        """Two permutations of 128 bytes each; the sign of the index says which one is meant."""
        quarters = [(table + _REGISTER_BYTES * register).load(I8, 64) for register in _REGISTERS]
        lower, upper = (_permuted(index, *quarters[half : half + 2]) for half in (0, 2))
        return upper.where(index < 0, lower)

    def widen(self, entries: Value) -> Value:
        """Interleaved with zeros to 16 bits, then with the upper half of MAGIC's bits."""
        zero = constant(entries.builder, entries.type, 0)
        words = [word.bits_as(I16) for word in _interleaved(entries, zero)]
        magic = constant(entries.builder, vector_of(I16, 32), MAGIC_BITS >> 16)
        return joined([part for word in words for part in _interleaved(word, magic)]).bits_as(F32)

    def store_row(self, q: Value, row: Pointer) -> None:
        """Flipping the sign bit adds 128."""
        row.store(_narrowed(q) ^ -BYTE_OFFSET)


def _add_dot_products(sums: Value, unsigned: Value, signed: Value) -> Value:
    return intrinsic("llvm.x86.avx512.vpdpbusd.512", sums.type, sums, unsigned, signed)


def _permuted(index: Value, low: Value, high: Value) -> Value:
    return intrinsic("llvm.x86.avx512.vpermi2var.qi.512", index.type, low, index, high)


def _narrowed(q: Value) -> Value:
    """int32 numbers limited to 8 bits."""
    a, b, c, d = q.split(16)
    words = [intrinsic("llvm.x86.avx512.packssdw.512", vector_of(I16, 32), low, high) for low, high in ((a, b), (c, d))]
    return intrinsic("llvm.x86.avx512.packsswb.512", vector_of(I8, 64), *words)


def _interleaved(a: Value, b: Value) -> tuple[Value, Value]:
    """Elements of a and b in turn, within each 128 bits: of their lower and of their upper halves."""
    half = a.lanes // 8
    starts = range(0, a.lanes, 2 * half)
    low = [lane for start in starts for i in range(start, start + half) for lane in (i, a.lanes + i)]
    return a.shuffle(b, low), a.shuffle(b, [lane + half for lane in low])
