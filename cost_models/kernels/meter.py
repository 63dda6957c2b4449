"""Cycles of the C kernels at any shape and width, by emulation.

The kernels' time does not depend on the numbers that they compute with, so that matrices and vectors hold zeros. There
are two exceptions: Cortex-M0 limits numbers by branches, which takes some tenths of a percent more or less; and ratios
of requantization of 1/4 and more take longer, which shapes have to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cost_models.emulator import Call, Core, Image, Machine, compile_image
from cost_models.emulator.toolchain import OPTIMIZATION
from cost_models.kernels.sources import KERNEL_DIRECTORY, SOURCES, kernel_symbol
from cost_models.kernels.structs import (
    CLASSIFIER,
    COMPLEMENT,
    DENSE_LAYER,
    GRU_CELL,
    GRU_STATE,
    MATRIX,
    MATRIX_PRODUCT,
    PRODUCT,
    REQUANTIZATION,
    SUM,
    padded,
)
from cost_models.packing import MAX_BITS, packed_matrix_bytes

_FUNCTIONS = ("tp_gru_step", "tp_dense", "tp_classify", "tp_argmax")
_THUMB = 1
# Any constants do that take the usual way through the kernels.
_MULTIPLIER, _SHIFT, _BITS = (1 << 23) + 1, 32, 8
_SHIFT_OF_LARGE_RATIOS = 24


@dataclass(frozen=True)
class GruShape:
    """What of a GRU cell decides the cycles of a step.

    Attributes:
        weight_bits: Of `input_reset`, `input_update`, `input_new`, `hidden_reset`, `hidden_update`, `hidden_new`.
        wide_sums: Whether `add_reset`, `add_update`, `add_new`, `add_state` take 64 bits.
        has_view: The state is read at another width than it is carried at.
        carries_wide: The carried state has more than 8 bits.
        large_ratios: Whether the six products in the order above, then `mul_reset`, `mul_new` and `mul_state`, are
            requantized by ratios of 1/4 and more.
        large_view_ratio: Whether the state as read is.
    """

    n_inputs: int
    n_units: int
    weight_bits: Sequence[int]
    wide_sums: Sequence[bool] = (False, False, False, False)
    has_view: bool = False
    carries_wide: bool = False
    large_ratios: Sequence[bool] = (False,) * 9
    large_view_ratio: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the six matrix products."""
        return 3 * self.n_units * (self.n_inputs + self.n_units)


class KernelMeter:
    """Runs single kernels on an emulated core.

    Args:
        core: Which Cortex-M.
        cache_directory: Where compiled code is kept.
        flags: Optimization and macros.

    Raises:
        MissingExtraError: An optional package is not installed.
    """

    def __init__(self, core: Core, cache_directory: Path, flags: Sequence[str] = OPTIMIZATION) -> None:
        kernels = [kernel_symbol(bits) for bits in range(1, MAX_BITS + 1)]
        path = compile_image(
            SOURCES,
            core,
            cache_directory,
            keep=[*_FUNCTIONS, *kernels],
            include_directories=[KERNEL_DIRECTORY],
            flags=flags,
        )
        self.image = Image.load(path)
        self._core = core
        self._cache_directory = cache_directory

    def classifier(self, n_classes: int, n_inputs: int, weight_bits: int) -> Call:
        """A matrix-vector product with bias; the accumulators are stored."""
        bench = self._bench()
        record = (bench.matrix(n_classes, n_inputs, weight_bits), n_inputs, n_classes)
        x, logits = bench.vector(n_inputs), bench.room(4 * n_classes)
        return bench.machine.call("tp_classify", bench.struct(CLASSIFIER, record), x, logits)

    def dense(self, n_outputs: int, n_inputs: int, weight_bits: int) -> Call:
        """A matrix-vector product with bias and requantization."""
        bench = self._bench()
        record = (bench.matrix_product(n_outputs, n_inputs, weight_bits), n_inputs, n_outputs)
        x, output = bench.vector(n_inputs), bench.vector(n_outputs)
        return bench.machine.call("tp_dense", bench.struct(DENSE_LAYER, record), x, output)

    def gru_step(self, shape: GruShape) -> Call:
        """One time step of a GRU cell."""
        bench = self._bench()
        carried = bench.room(padded(shape.n_units) * (1 + shape.carries_wide))
        state = bench.struct(GRU_STATE, (bench.vector(shape.n_units), carried))
        return bench.machine.call("tp_gru_step", bench.gru_cell(shape), bench.vector(shape.n_inputs), state)

    def _bench(self) -> _Bench:
        return _Bench(Machine(self.image, self._core, self._cache_directory))


class _Bench:
    """Data for the kernels, placed into the RAM of a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def room(self, n_bytes: int) -> int:
        return self.machine.place(bytes(n_bytes))

    def vector(self, n_elements: int) -> int:
        return self.room(padded(n_elements))

    def struct(self, dtype: np.dtype[np.void], record: Any) -> int:
        return self.machine.place(np.array([record], dtype))

    def matrix(self, rows: int, columns: int, bits: int) -> Any:
        kernel = self.machine.image.symbol(kernel_symbol(bits)).address | _THUMB
        weights = self.room(packed_matrix_bytes(rows, columns, bits))
        return np.array((kernel, weights, self.room(4 * padded(rows))), MATRIX)

    def matrix_product(self, rows: int, columns: int, bits: int, large_ratio: bool = False) -> Any:
        return np.array((self.matrix(rows, columns, bits), _requantization(large_ratio)), MATRIX_PRODUCT)

    def gru_cell(self, shape: GruShape) -> int:
        cell = np.zeros(1, GRU_CELL)
        cell["n_inputs"], cell["n_units"] = shape.n_inputs, shape.n_units
        cell["has_view"], cell["carries_wide"] = shape.has_view, shape.carries_wide
        cell["view"] = _requantization(shape.large_view_ratio)
        large_ratios = iter(shape.large_ratios)
        gates = [name for name in GRU_CELL.names or () if GRU_CELL[name] == MATRIX_PRODUCT]
        for gate, bits in zip(gates, shape.weight_bits, strict=True):
            columns = shape.n_inputs if gate.startswith("input") else shape.n_units
            cell[gate] = self.matrix_product(shape.n_units, columns, bits, next(large_ratios))
        sums = [name for name in GRU_CELL.names or () if GRU_CELL[name] == SUM]
        for name, is_wide in zip(sums, shape.wide_sums, strict=True):
            cell[name] = np.array((1, 1, 0, 0, 1, _BITS, is_wide), SUM)
        table = self.room(1 << _BITS) + (1 << (_BITS - 1))
        for name in ("sigmoid_reset", "sigmoid_update", "tanh_new"):
            cell[name] = table
        cell["complement_update"] = np.array((-1, 0, 1, _BITS), COMPLEMENT)
        for name in ("mul_reset", "mul_new", "mul_state"):
            cell[name] = np.array((_requantization(next(large_ratios)), 0, 0), PRODUCT)
        return self.machine.place(cell)


def _requantization(large_ratio: bool = False) -> Any:
    return np.array((_MULTIPLIER, _SHIFT_OF_LARGE_RATIOS if large_ratio else _SHIFT, _BITS, 0), REQUANTIZATION)
