"""The operator table of an integer GRU, its bytes those of the exported C: MACs, flash, and the buffers in RAM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from cost_models import Buffer, Operator, Workload, packed_matrix_bytes
from cost_models.kernels import GRU_STATE
from cost_models.kernels.footprint import (
    CELL_BYTES,
    COMPLEMENT_BYTES,
    PRODUCT_BYTES,
    SUM_BYTES,
    classifier_bytes,
    look_up_bytes,
    matrix_product_bytes,
    tensor_bytes,
)
from evaluators.gru.operators import (
    LOOKUPS,
    MATRIX_PRODUCTS,
    NARROW_BITS,
    OPERATORS,
    SUMS,
    Widths,
    layer_prefix,
    slot_index,
)

CLASSIFIER = "classifier"
"""The operator that runs once an inference; all others run once a step."""

_READS = {
    "add_reset": ("input_reset.output", "hidden_reset.output"),
    "add_update": ("input_update.output", "hidden_update.output"),
    "sigmoid_reset": ("add_reset",),
    "sigmoid_update": ("add_update",),
    "mul_reset": ("sigmoid_reset", "hidden_new.output"),
    "add_new": ("input_new.output", "mul_reset"),
    "tanh_new": ("add_new",),
    "complement_update": ("sigmoid_update",),
    "mul_new": ("complement_update", "tanh_new"),
    "mul_state": ("sigmoid_update", "add_state"),
    "add_state": ("mul_new", "mul_state"),
}
"""The tensors that each element-wise operator reads."""

_CONSTANT_BYTES = {
    **dict.fromkeys(SUMS, SUM_BYTES),
    # The last operator of a cell: with it go the cell's sizes and flags and the addresses of its state.
    "add_state": SUM_BYTES + CELL_BYTES + GRU_STATE.itemsize,
    "complement_update": COMPLEMENT_BYTES,
    **dict.fromkeys(("mul_reset", "mul_new", "mul_state"), PRODUCT_BYTES),
}
"""Flash of the element-wise operators without a table."""

_BITS_GAINED_BY_LARGE_RATIOS = {"input": -1, "hidden": 0, "mul": -2, "state": -1}
"""A requantization whose output has at least so many bits more than what it reads (both operands together) has a ratio
of 1/4 or more, which takes the kernels longer. Scales follow from widths up to a factor that differs little between
networks: of those calibrated on digits (16 to 96 units, 1 and 2 layers, 200 random configurations each), the rule tells
97 % of all requantizations right, and 90 % of each operator's."""


@dataclass(frozen=True)
class GruShape:
    """Sizes of a GRU classifier.

    Attributes:
        n_features: Inputs per step.
        n_hidden: Hidden units of every layer.
        n_layers: Layers.
        n_classes: Classes.
        n_steps: Steps of the longest sequence: one inference.
    """

    n_features: int
    n_hidden: int
    n_layers: int
    n_classes: int
    n_steps: int

    def n_inputs(self, layer: int) -> int:
        """Inputs per step of a layer."""
        return self.n_features if layer == 0 else self.n_hidden


def gru_workload(shape: GruShape, widths: Widths) -> Workload:
    """The operators of one inference: every operator of every layer once a step, the classifier once.

    A search costs thousands of configurations of one shape: operators are made once for the widths that they depend on.
    """
    bits = widths.bits
    found = [make(widths_of(bits)) for widths_of, make in _entries(shape)]
    operators = tuple([operator for operator in found if operator is not None])
    return Workload(operators, _buffers(shape, tuple([pick(bits) for pick in _state_widths(shape.n_layers)])))


class _Entry(NamedTuple):
    """An operator by the widths that it depends on.

    Attributes:
        widths_of: Picks them from those of all slots.
        operator: Makes the operator; None where these widths need none.
    """

    widths_of: Callable[[tuple[int, ...]], Any]
    operator: Callable[[Any], Operator | None]


@lru_cache(maxsize=64)
def _entries(shape: GruShape) -> tuple[_Entry, ...]:
    return tuple(_entries_of(shape))


def _entries_of(shape: GruShape) -> Iterator[_Entry]:
    index = slot_index(shape.n_layers)

    def entry(slots: tuple[str, ...], operator: Callable[[Any], Operator | None]) -> _Entry:
        return _Entry(itemgetter(*(index[slot] for slot in slots)), cache(operator))

    for layer in range(shape.n_layers):
        prefix = layer_prefix(layer)
        for name in OPERATORS:
            if name in MATRIX_PRODUCTS:
                read = f"{prefix}state" if name.startswith("hidden") else _input_of(layer)
                slots = (f"{prefix}{name}.weight", read, f"{prefix}{name}.output")
                yield entry(slots, _matrix_product(shape, layer, name))
            else:
                yield entry(tuple(prefix + slot for slot in (*_READS[name], name)), _element_wise(shape, layer, name))
        yield entry((f"{prefix}add_state", f"{prefix}state"), _read_state(shape, layer))
    yield entry((CLASSIFIER,), _classifier(shape))


def _input_of(layer: int) -> str:
    return "input" if layer == 0 else f"{layer_prefix(layer - 1)}state"


def _has_large_ratio(name: str, read_bits: int, output_bits: int) -> int:
    return int(output_bits - read_bits >= _BITS_GAINED_BY_LARGE_RATIOS[name.partition("_")[0]])


def _matrix_product(shape: GruShape, layer: int, name: str) -> Callable[[tuple[int, int, int]], Operator]:
    rows = shape.n_hidden
    columns = shape.n_inputs(layer) if name.startswith("input") else shape.n_hidden

    def operator(bits: tuple[int, int, int]) -> Operator:
        weight_bits, input_bits, output_bits = bits
        is_large = _has_large_ratio(name, weight_bits + input_bits, output_bits)
        return Operator(
            name=layer_prefix(layer) + name,
            kind="matrix_vector",
            macs=rows * columns,
            weight_count=rows * columns,
            weight_bits=weight_bits,
            weight_bytes=packed_matrix_bytes(rows, columns, weight_bits),
            constant_count=rows,
            constant_bytes=matrix_product_bytes(rows),
            input_elements=columns,
            input_bits=input_bits,
            output_elements=rows,
            output_bits=output_bits,
            executions=shape.n_steps,
            shape=MappingProxyType({"rows": rows, "columns": columns, "has_large_ratio": is_large}),
        )

    return operator


def _element_wise(shape: GruShape, layer: int, name: str) -> Callable[[tuple[int, ...]], Operator]:
    n = shape.n_hidden
    kind = "lookup" if name in LOOKUPS else "product" if name.startswith("mul_") else "sum"

    n_operands = len(_READS[name])

    @cache
    def operator_of(widest_read: int, output_bits: int, is_large: int) -> Operator:
        return Operator(
            name=layer_prefix(layer) + name,
            kind=kind,
            constant_bytes=look_up_bytes(widest_read) if kind == "lookup" else _CONSTANT_BYTES[name],
            input_elements=n * n_operands,
            input_bits=widest_read,
            output_elements=n,
            output_bits=output_bits,
            executions=shape.n_steps,
            shape=MappingProxyType({"elements": n, "operands": n_operands, "has_large_ratio": is_large}),
        )

    def operator(bits: tuple[int, ...]) -> Operator:
        *read_bits, output_bits = bits
        is_large = _has_large_ratio(name, sum(read_bits), output_bits) if kind == "product" else 0
        return operator_of(max(read_bits), output_bits, is_large)

    return operator


def _read_state(shape: GruShape, layer: int) -> Callable[[tuple[int, int]], Operator | None]:
    """Where the state is read at another width than it is carried at."""
    n = shape.n_hidden

    def operator(bits: tuple[int, int]) -> Operator | None:
        carried_bits, read_bits = bits
        if carried_bits == read_bits:
            return None
        is_large = _has_large_ratio("state", carried_bits, read_bits)
        return Operator(
            name=f"{layer_prefix(layer)}state",
            kind="requantize",
            input_elements=n,
            input_bits=carried_bits,
            output_elements=n,
            output_bits=read_bits,
            executions=shape.n_steps,
            shape=MappingProxyType({"elements": n, "operands": 1, "has_large_ratio": is_large}),
        )

    return operator


def _classifier(shape: GruShape) -> Callable[[int], Operator]:
    rows, columns = shape.n_classes, shape.n_hidden

    def operator(weight_bits: int) -> Operator:
        return Operator(
            name=CLASSIFIER,
            kind="fully_connected",
            macs=rows * columns,
            weight_count=rows * columns,
            weight_bits=weight_bits,
            weight_bytes=packed_matrix_bytes(rows, columns, weight_bits),
            constant_count=rows,
            constant_bytes=classifier_bytes(rows),
            input_elements=columns,
            output_elements=rows,
            output_bits=32,
            shape=MappingProxyType({"rows": rows, "columns": columns}),
        )

    return operator


@lru_cache(maxsize=8)
def _state_widths(n_layers: int) -> tuple[Callable[[tuple[int, ...]], tuple[int, int]], ...]:
    """For each layer, what picks the widths of its state: as carried and as read."""
    index = slot_index(n_layers)
    prefixes = [layer_prefix(layer) for layer in range(n_layers)]
    return tuple(itemgetter(index[f"{prefix}add_state"], index[f"{prefix}state"]) for prefix in prefixes)


@lru_cache(maxsize=4096)
def _buffers(shape: GruShape, state_widths: tuple[tuple[int, int], ...]) -> tuple[Buffer, ...]:
    """All static; a step is computed a few units at a time, so that no tensor inside the cell needs memory."""
    n = shape.n_hidden
    found = [Buffer("input", tensor_bytes(shape.n_features, NARROW_BITS))]
    for layer, (carried_bits, read_bits) in enumerate(state_widths):
        prefix = layer_prefix(layer)
        found.append(Buffer(f"{prefix}state", tensor_bytes(n, carried_bits)))
        if carried_bits != read_bits:
            found.append(Buffer(f"{prefix}state_as_read", tensor_bytes(n, read_bits)))
    if any(carried_bits == read_bits for carried_bits, read_bits in state_widths):
        found.append(Buffer("next_state", tensor_bytes(n, NARROW_BITS)))
    return (*found, Buffer("logits", 4 * shape.n_classes))
