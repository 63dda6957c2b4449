"""The operator table of an integer GRU: MACs, bytes as stored, and the buffers that inference needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from cost_models import Buffer, Operator, Workload, bytes_of, packed_matrix_bytes
from evaluators.gru.operators import LOOKUPS, MATRIX_PRODUCTS, NARROW_BITS, OPERATORS, SUMS, Widths, layer_prefix

BIAS_BYTES = 4
REQUANTIZATION_BYTES = 12
"""Multiplier, shift, zero point and limits of one output tensor."""
PRODUCT_BYTES = REQUANTIZATION_BYTES + 4
"""A requantization and the zero points of both operands."""
SUM_BYTES, WIDE_SUM_BYTES = 16, 24
"""Two multipliers, constant (32 or 64 bits), shift and limits."""

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
    """The operators of one inference: every operator of every layer once a step, the classifier once."""
    return Workload(tuple(_operators(shape, widths)), tuple(_buffers(shape, widths)))


def _operators(shape: GruShape, widths: Widths) -> Iterator[Operator]:
    for layer in range(shape.n_layers):
        prefix = layer_prefix(layer)
        for operator in OPERATORS:
            if operator in MATRIX_PRODUCTS:
                columns = shape.n_inputs(layer) if operator.startswith("input") else shape.n_hidden
                weight, out = widths[f"{prefix}{operator}.weight"], widths[f"{prefix}{operator}.output"]
                yield _matrix_product(prefix + operator, shape.n_hidden, columns, weight, out, shape.n_steps)
            else:
                read = tuple(widths[prefix + name] for name in _READS[operator])
                yield _element_wise(
                    prefix + operator, operator, shape.n_hidden, read, widths[prefix + operator], shape.n_steps
                )
        if widths[f"{prefix}state"] != widths[f"{prefix}add_state"]:
            carried, read_bits = widths[f"{prefix}add_state"], widths[f"{prefix}state"]
            yield _read_state(f"{prefix}state", shape.n_hidden, carried, read_bits, shape.n_steps)
    yield _classifier(shape.n_classes, shape.n_hidden, widths["classifier"])


@lru_cache(maxsize=4096)
def _matrix_product(name: str, rows: int, columns: int, weight_bits: int, output_bits: int, n_steps: int) -> Operator:
    return Operator(
        name=name,
        kind="matrix_vector",
        macs=rows * columns,
        weight_count=rows * columns,
        weight_bits=weight_bits,
        weight_bytes=packed_matrix_bytes(rows, columns, weight_bits),
        constant_count=rows,
        constant_bytes=BIAS_BYTES * rows + REQUANTIZATION_BYTES,
        input_elements=columns,
        output_elements=rows,
        output_bits=output_bits,
        executions=n_steps,
        shape=MappingProxyType({"rows": rows, "columns": columns}),
    )


@lru_cache(maxsize=16384)
def _element_wise(
    name: str, operator: str, n: int, read_bits: tuple[int, ...], output_bits: int, n_steps: int
) -> Operator:
    if operator in LOOKUPS:
        kind, constants = "lookup", 2 ** read_bits[0]
    elif operator in SUMS or operator == "complement_update":
        kind = "sum"
        constants = WIDE_SUM_BYTES if max(*read_bits, output_bits) > NARROW_BITS else SUM_BYTES
    else:
        kind, constants = "product", PRODUCT_BYTES
    return Operator(
        name=name,
        kind=kind,
        constant_bytes=constants,
        input_elements=n * len(read_bits),
        input_bits=max(read_bits),
        output_elements=n,
        output_bits=output_bits,
        executions=n_steps,
        shape=MappingProxyType({"elements": n, "operands": len(read_bits)}),
    )


@lru_cache(maxsize=4096)
def _read_state(name: str, n: int, carried_bits: int, read_bits: int, n_steps: int) -> Operator:
    return Operator(
        name=name,
        kind="requantize",
        constant_bytes=REQUANTIZATION_BYTES,
        input_elements=n,
        input_bits=carried_bits,
        output_elements=n,
        output_bits=read_bits,
        executions=n_steps,
        shape=MappingProxyType({"elements": n, "operands": 1}),
    )


@lru_cache(maxsize=64)
def _classifier(n_classes: int, n_hidden: int, weight_bits: int) -> Operator:
    return Operator(
        name="classifier",
        kind="fully_connected",
        macs=n_classes * n_hidden,
        weight_count=n_classes * n_hidden,
        weight_bits=weight_bits,
        weight_bytes=packed_matrix_bytes(n_classes, n_hidden, weight_bits),
        constant_count=n_classes,
        constant_bytes=BIAS_BYTES * n_classes,
        input_elements=n_hidden,
        output_elements=n_classes,
        output_bits=32,
        shape=MappingProxyType({"rows": n_classes, "columns": n_hidden}),
    )


def _buffers(shape: GruShape, widths: Widths) -> Iterator[Buffer]:
    """All static: a step is computed unit by unit, so that no tensor inside the cell needs memory of its own."""
    yield Buffer("input", shape.n_features)
    for layer in range(shape.n_layers):
        prefix = layer_prefix(layer)
        carried = widths[f"{prefix}add_state"]
        yield Buffer(f"{prefix}state", bytes_of(shape.n_hidden, carried))
        yield Buffer(f"{prefix}next_state", bytes_of(shape.n_hidden, carried))
        if carried != widths[f"{prefix}state"]:
            yield Buffer(f"{prefix}state_as_read", shape.n_hidden)
    yield Buffer("logits", bytes_of(shape.n_classes, 32))
