"""A whole population's constants, as the kernel reads them: computed for all candidates at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.constants import requantization, sum_constants
from evaluators.gru.engine.layout import BYTE_OFFSET, CLASSIFIER, LAYER
from evaluators.gru.engine.prepared import PreparedArrays
from evaluators.gru.formats import Floats, Integers
from evaluators.gru.operators import MATRIX_PRODUCTS, NARROW_BITS, Widths, layer_prefix, slot_index, slot_kind
from evaluators.machine_code.rounding import MAGIC, MAGIC_BITS

Records = NDArray[np.void]

# Floats hold every integer up to here: accumulators and their requantization are exact below.
_EXACT = 1 << 24

_PRODUCTS = (
    ("mul_reset", "sigmoid_reset", "hidden_new.output", MAGIC),
    ("mul_new", "complement_update", "tanh_new", MAGIC + BYTE_OFFSET),
    ("mul_state", "sigmoid_update", "add_state", 0.0),
)
"""Name, operands and the second operand's offset in the kernel; the first comes from a table."""

_SUMS = (
    ("add_reset", "input_reset.output", "hidden_reset.output"),
    ("add_update", "input_update.output", "hidden_update.output"),
    ("add_new", "input_new.output", "mul_reset"),
    ("add_state", "mul_new", "mul_state"),
)
"""Name and operands, which all come from a requantization."""

_TABLES = (
    ("sigmoid_reset", "add_reset"),
    ("sigmoid_update", "add_update"),
    ("tanh_new", "add_new"),
    ("complement_update", "sigmoid_update"),
)


@dataclass(frozen=True)
class Population:
    """What the kernel reads for each candidate, sizes and places left out.

    Attributes:
        layers: Records `LAYER`, shape (n_candidates, n_layers).
        classifiers: Records `CLASSIFIER`, shape (n_candidates,).
        wide_sums, rescaled_state: What each candidate asks of the kernel: see `kernel.Variant`.
        is_exact: Whether the kernel can hold each candidate's accumulators exactly.
    """

    layers: Records
    classifiers: Records
    wide_sums: NDArray[np.bool_]
    rescaled_state: NDArray[np.bool_]
    is_exact: NDArray[np.bool_]


def population_of(calibrated: CalibratedGru, prepared: PreparedArrays, widths: Sequence[Widths]) -> Population:
    """Compute the records of a population; the addresses in them are those of `prepared`.

    Raises:
        QuantizationError: The formats of a candidate cannot be expressed by the integer arithmetic.
        ValueError: Widths are for another number of layers.
    """
    for candidate in widths:
        if candidate.n_layers != calibrated.n_layers:
            raise ValueError(f"widths for {candidate.n_layers} layers, network of {calibrated.n_layers}")
    bits = np.array([candidate.bits for candidate in widths], np.int64)
    return _Builder(calibrated, prepared, bits).build()


@dataclass(frozen=True)
class _Formats:
    """Formats of one tensor, or one set of weights, over the population: a number a candidate."""

    bits: Integers
    scale: Floats
    zero_point: Integers

    @property
    def low(self) -> Integers:
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> Integers:
        return (1 << (self.bits - 1)) - 1


class _Builder:
    def __init__(self, calibrated: CalibratedGru, prepared: PreparedArrays, bits: Integers) -> None:
        self._prepared = prepared
        self._n_layers = calibrated.n_layers
        self._formats = {
            slot: _Formats(column, calibrated.scales[slot][column], calibrated.zero_points[slot][column])
            for slot, column in zip(slot_index(self._n_layers), bits.T, strict=True)
        }
        self._layers = np.zeros((len(bits), self._n_layers), LAYER)
        self._classifiers = np.zeros(len(bits), CLASSIFIER)
        self._largest_accumulator = np.zeros(len(bits))

    def build(self) -> Population:
        read = "input"
        for index in range(self._n_layers):
            self._fill_layer(self._layers[:, index], layer_prefix(index), read)
            read = layer_prefix(index) + "state"
        self._fill_linear(self._classifiers, "", "classifier", read)
        is_exact = self._largest_accumulator < _EXACT
        return Population(self._layers, self._classifiers, self._wide_sums(), self._rescaled_state(), is_exact)

    def _wide_sums(self) -> NDArray[np.bool_]:
        wide = [formats.bits for slot, formats in self._formats.items() if slot_kind(slot) == "wide_tensor"]
        wide_sums: NDArray[np.bool_] = np.max(wide, axis=0) > NARROW_BITS
        return wide_sums

    def _rescaled_state(self) -> NDArray[np.bool_]:
        prefixes = [layer_prefix(index) for index in range(self._n_layers)]
        read, carried = (np.array([self._formats[p + slot].bits for p in prefixes]) for slot in ("state", "add_state"))
        rescaled: NDArray[np.bool_] = np.max(read != carried, axis=0)
        return rescaled

    def _fill_layer(self, records: Records, prefix: str, read: str) -> None:
        for name in MATRIX_PRODUCTS:
            self._fill_matrix_product(records, prefix, name, read if name.startswith("input") else prefix + "state")
        for name, a, b, offset_b in _PRODUCTS:
            self._fill_product(records, prefix, name, a, b, offset_b)
        for name, a, b in _SUMS:
            self._fill_sum(records, prefix, name, a, b)
        for name, source in _TABLES:
            written, indexed = prefix + name, prefix + source
            records[f"{name}_table"] = self._prepared.tables(
                written, indexed, self._formats[written].bits, self._formats[indexed].bits
            )
        carried, state = self._formats[prefix + "add_state"], self._formats[prefix + "state"]
        records["initial_carried"] = carried.zero_point
        records["initial_read"] = state.zero_point + BYTE_OFFSET
        _fill_requantization(records, "state", carried.scale, state)

    def _fill_matrix_product(self, records: Records, prefix: str, name: str, read: str) -> None:
        weight = f"{prefix}{name}.weight"
        self._fill_linear(records, f"{name}_", weight, read)
        scale = self._formats[weight].scale * self._formats[read].scale
        _fill_requantization(records, name, scale, self._formats[f"{prefix}{name}.output"])

    def _fill_linear(self, records: Records, field: str, weight: str, read: str) -> None:
        bits, read_bits = self._formats[weight].bits, self._formats[read].bits
        addresses, bounds = self._prepared.biases(weight, read, bits, read_bits)
        records[f"{field}weights"] = self._prepared.weights(weight, bits)
        records[f"{field}biases"] = addresses
        np.maximum(self._largest_accumulator, bounds, out=self._largest_accumulator)

    def _fill_product(self, records: Records, prefix: str, name: str, a: str, b: str, offset_b: float) -> None:
        first, second = self._formats[prefix + a], self._formats[prefix + b]
        records[f"{name}_zero_a"] = MAGIC + BYTE_OFFSET + first.zero_point
        records[f"{name}_zero_b"] = offset_b + second.zero_point
        _fill_requantization(records, name, first.scale * second.scale, self._formats[prefix + name])

    def _fill_sum(self, records: Records, prefix: str, name: str, a: str, b: str) -> None:
        first, second, out = (self._formats[prefix + tensor] for tensor in (a, b, name))
        is_wide = np.max([first.bits, second.bits, out.bits], axis=0) > NARROW_BITS
        zero_points = (first.zero_point, second.zero_point, out.zero_point)
        ratios = first.scale / out.scale, second.scale / out.scale
        multiplier_a, multiplier_b, constant, shift = sum_constants(*ratios, zero_points, out.bits, is_wide)
        records[f"{name}_multiplier_a"] = multiplier_a
        records[f"{name}_multiplier_b"] = multiplier_b
        records[f"{name}_constant"] = constant - MAGIC_BITS * (multiplier_a + multiplier_b)
        records[f"{name}_shift"] = shift
        records[f"{name}_low"] = out.low
        records[f"{name}_high"] = out.high


def _fill_requantization(records: Records, name: str, scale: Floats, out: _Formats) -> None:
    multiplier, shift = requantization(scale / out.scale)
    records[f"{name}_ratio"] = np.ldexp(multiplier.astype(np.float32), -shift)
    records[f"{name}_start"] = MAGIC + out.zero_point
    records[f"{name}_low"] = MAGIC_BITS + out.low
    records[f"{name}_high"] = MAGIC_BITS + out.high
