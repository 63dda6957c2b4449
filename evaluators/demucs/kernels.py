"""Whole blocks as compiled functions, for slices so narrow that what is between their products takes most of the time.

A block runs frame by frame, a few frames side by side: products with their weights, activations and what the next
product reads stay in registers and in the first cache. Weights are laid out in tiles of columns, see `narrow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, log
from typing import Any

from llvmlite import ir

from evaluators.machine_code.jit import MachineCode
from evaluators.machine_code.rounding import MAGIC, MAGIC_BITS
from evaluators.machine_code.vectors import (
    F32,
    I32,
    I64,
    POINTER,
    Pointer,
    Value,
    Variable,
    loop,
    new_function,
)

LANES = 8
"""Channels side by side."""
ROWS = 8
"""Frames side by side; their sums of one tile of a vector fill half of the registers."""
FLOAT_BYTES = 4
_VECTOR_BYTES = FLOAT_BYTES * LANES
_LARGEST_EXPONENT = 126.0
_MANTISSA_BITS = 23
_DEGREE = 6
"""Of the polynomial for 2^x, x from -1/2 to 1/2, which errs by no more than floats do."""


@dataclass(frozen=True)
class Tile:
    """Columns of a product that are computed together.

    Attributes:
        lanes: Columns of a vector.
        vectors: Vectors of a tile; of a GLU two, values and gates.
    """

    lanes: int
    vectors: int

    @property
    def n_columns(self) -> int:
        """Columns of a tile."""
        return self.lanes * self.vectors


@lru_cache
def encoder_kernel() -> MachineCode:
    """A block of the encoder: product, ReLU, product, GLU.

    Called with: x; bytes between two frames of it; values that a frame sees; taps; vectors of inner channels; inner
    channels; mix; vectors of channels; y; frames; room for ROWS frames of inner channels.
    """
    arguments = (POINTER, I64, I64, POINTER, I64, I64, POINTER, I64, POINTER, I64, POINTER)
    function, builder = new_function("encode", *arguments)
    x, frame_bytes, n_seen, taps, n_vectors, n_inner, mix, n_tiles, y, n_frames, room = _arguments(function, builder)
    inner_bytes, y_bytes = n_vectors * _VECTOR_BYTES, n_tiles * _VECTOR_BYTES

    def run(first: Value, n_rows: int) -> None:
        seen = [x + (first + row) * frame_bytes for row in range(n_rows)]
        inner = [room + inner_bytes * row for row in range(n_rows)]
        with loop(n_vectors) as k:
            sums = _products(seen, n_seen, taps + k * ((n_seen + 1) * _VECTOR_BYTES), Tile(LANES, 1))
            for place, (total,) in zip(inner, sums, strict=True):
                (place + k * _VECTOR_BYTES).store(_relu(total))
        with loop(n_tiles) as k:
            weights = mix + k * ((n_inner + 1) * (2 * _VECTOR_BYTES))
            for row, mixed in enumerate(_glus(inner, n_inner, weights)):
                (y + (first + row) * y_bytes + k * _VECTOR_BYTES).store(mixed)

    _for_rows(n_frames, run)
    builder.ret_void()
    return MachineCode(function)


@lru_cache
def decoder_kernel(outputs: Tile, is_last: bool) -> MachineCode:
    """A block of the decoder: sum, product, GLU, product, ReLU unless it is the last.

    Called with: x; skip; channels; mix; vectors of inner channels; values of the frames before the first that the
    outputs of a frame depend on; where inner channels of the first frame go, behind those of the frames before;
    conv; tiles of outputs; y; frames; room for ROWS frames of channels.
    """
    arguments = (POINTER, POINTER, I64, POINTER, I64, I64, POINTER, POINTER, I64, POINTER, I64, POINTER)
    function, builder = new_function("decode", *arguments)
    (x, skip, n_channels, mix, n_vectors, n_values_before, inner, conv, n_tiles, y, n_frames, room) = _arguments(
        function, builder
    )
    channel_bytes, inner_bytes = n_channels * FLOAT_BYTES, n_vectors * _VECTOR_BYTES
    column_bytes = outputs.n_columns * FLOAT_BYTES
    n_seen = n_values_before + n_vectors * LANES

    def run(first: Value, n_rows: int) -> None:
        heard = [room + channel_bytes * row for row in range(n_rows)]
        for row, place in enumerate(heard):
            start = (first + row) * channel_bytes
            with loop(n_channels >> LANES.bit_length() - 1) as k:
                at = k * _VECTOR_BYTES
                (place + at).store((x + start + at).load(F32, LANES) + (skip + start + at).load(F32, LANES))
        with loop(n_vectors) as k:
            weights = mix + k * ((n_channels + 1) * (2 * _VECTOR_BYTES))
            for row, mixed in enumerate(_glus(heard, n_channels, weights)):
                (inner + (first + row) * inner_bytes + k * _VECTOR_BYTES).store(mixed)
        seen = [inner + ((first + row) * inner_bytes - n_values_before * FLOAT_BYTES) for row in range(n_rows)]
        with loop(n_tiles) as k:
            sums = _products(seen, n_seen, conv + k * ((n_seen + 1) * column_bytes), outputs)
            for row, of_row in enumerate(sums):
                place = y + ((first + row) * n_tiles + k) * column_bytes
                for v, total in enumerate(of_row):
                    (place + v * outputs.lanes * FLOAT_BYTES).store(total if is_last else _relu(total))

    _for_rows(n_frames, run)
    builder.ret_void()
    return MachineCode(function)


def _arguments(function: ir.Function, builder: ir.IRBuilder) -> list[Any]:
    return [Pointer(builder, a) if a.type == POINTER else Value(builder, a) for a in function.args]


def _for_rows(n: Value, run: Callable[[Value, int], None]) -> None:
    """Run for all of n frames, ROWS side by side and then the rest one by one."""
    n_groups = n >> ROWS.bit_length() - 1
    with loop(n_groups) as group:
        run(group * ROWS, ROWS)
    n_done = n_groups * ROWS
    with loop(n - n_done) as row:
        run(n_done + row, 1)


def _products(rows: Sequence[Pointer], n: Value, weights: Pointer, tile: Tile) -> list[list[Value]]:
    """What each row gives in a tile of columns.

    Args:
        rows: Where each row's n values are.
        n: How many.
        weights: Where the biases of the tile are; the weights of each of the n values follow.
        tile: The columns.

    Returns:
        For each row, its vectors.
    """
    n_side_by_side = ROWS // tile.vectors
    if len(rows) > n_side_by_side:
        parts = (rows[i : i + n_side_by_side] for i in range(0, len(rows), n_side_by_side))
        return [row for part in parts for row in _products(part, n, weights, tile)]
    places = [weights + v * tile.lanes * FLOAT_BYTES for v in range(tile.vectors)]
    sums = [[Variable(place.load(F32, tile.lanes)) for place in places] for _ in rows]
    with loop(n) as k:
        following = (k + 1) * (tile.n_columns * FLOAT_BYTES)
        loaded = [(place + following).load(F32, tile.lanes) for place in places]
        for row, of_row in zip(rows, sums, strict=True):
            value = (row + k * FLOAT_BYTES).load(F32).splat(tile.lanes)
            for total, weight in zip(of_row, loaded, strict=True):
                total.value = value.multiply_add(weight, total.value)
    return [[total.value for total in of_row] for of_row in sums]


def _glus(rows: Sequence[Pointer], n: Value, weights: Pointer) -> list[Value]:
    """A vector of gated values for each row; weights are tiles of values and gates."""
    return [value * _sigmoid(gate) for value, gate in _products(rows, n, weights, Tile(LANES, 2))]


def _relu(x: Value) -> Value:
    return x.filled(0.0).where(x < 0.0, x)


def _sigmoid(x: Value) -> Value:
    """1 / (1 + 2^t), where t = -x / log 2 is limited to what floats can hold: a whole number and a polynomial."""
    t = x * (-1 / log(2))
    t = t.filled(-_LARGEST_EXPONENT).where(t < -_LARGEST_EXPONENT, t)
    t = t.filled(_LARGEST_EXPONENT).where(t > _LARGEST_EXPONENT, t)
    shifted = t + MAGIC
    rest = t - (shifted - MAGIC)
    power = rest.filled(_coefficient(_DEGREE))
    for degree in reversed(range(_DEGREE)):
        power = power.multiply_add(rest, _coefficient(degree))
    whole = (shifted.bits_as(I32) - MAGIC_BITS) << _MANTISSA_BITS
    power = (power.bits_as(I32) + whole).bits_as(F32)
    return x.filled(1.0) / (power + 1.0)


def _coefficient(degree: int) -> float:
    """Of x^degree in the series of 2^x."""
    return log(2) ** degree / factorial(degree)
