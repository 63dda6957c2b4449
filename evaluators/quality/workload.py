"""The operator table of the quality predictor and the memory that its authors count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from cost_models import Buffer, Operator, Workload, operator_of
from evaluators.quality.shape import INPUT_BITS, KERNEL, POOL, Convolution, QualityShape
from evaluators.quality.widths import FLOAT_BITS, Widths

MEMORY, MULTIPLIED, SUMMED, CONV_MACS = (
    "memory_all_maps_bytes",
    "multiply_accumulates",
    "conditional_sums",
    "conv_macs",
)


def quality_workload(shape: QualityShape, widths: Widths) -> Workload:
    """The operators of one window of speech, from features to score; the front end is not among them.

    Hidden dense layers are float vectors. Tensors in memory are packed in their own bits.
    """
    operators = tuple(_operators(shape, widths))
    return Workload(operators, tuple(_buffers(operators)))


def quality_costs(shape: QualityShape, widths: Widths) -> dict[str, float]:
    """What the paper counts.

    Memory is that of all convolutions' maps before pooling and of all parameters at their layer's bits, biases
    included (arXiv 2407.04578). A product with a map of 1 bit is a sum of those weights whose bit is set.
    """
    workload = quality_workload(shape, widths)
    maps = sum(
        packed_bytes(layer.map_elements, bits) for layer, bits in zip(shape.convolutions, widths.maps, strict=True)
    )
    with_weights = [op for op in workload.operators if op.weight_count]
    weights = sum(packed_bytes(op.weight_count + op.constant_count, op.weight_bits) for op in with_weights)
    summed = sum(op.macs for op in with_weights if op.input_bits == 1)
    return {
        MEMORY: maps + weights,
        MULTIPLIED: sum(op.macs for op in with_weights) - summed,
        SUMMED: summed,
        CONV_MACS: sum(op.macs for op in with_weights if op.kind == "conv2d"),
    }


def packed_bytes(elements: int, bits: int) -> int:
    """Bytes of elements without any gaps.

    >>> packed_bytes(9, 1), packed_bytes(3, 4), packed_bytes(3, 32)
    (2, 2, 12)
    """
    return ceil(elements * bits / 8)


def _operators(shape: QualityShape, widths: Widths) -> Iterator[Operator]:
    weight_bits = dict(zip(shape.layers, widths.weights, strict=True))
    read = INPUT_BITS
    for layer, bits in zip(shape.convolutions, widths.maps, strict=True):
        is_last = layer.name == shape.maps[-1]
        sizes = {"height": layer.height, "width": layer.width, "kernel": KERNEL}
        channels = {"in_channels": layer.in_channels, "out_channels": layer.out_channels}
        of_weights = {"weight_bits": weight_bits[layer.name], "activation_bits": read, "output_bits": bits}
        yield _operator("conv2d", layer.name, {**sizes, **channels}, of_weights)
        yield _operator("pool", f"pool{layer.name[-1]}", _pooled(layer, is_last), {"activation_bits": bits})
        read = bits
    for dense in shape.dense:
        sizes = {"inputs": dense.inputs, "outputs": dense.outputs}
        of_weights = {"weight_bits": weight_bits[dense.name], "activation_bits": read, "output_bits": FLOAT_BITS}
        yield _operator("fully_connected", dense.name, sizes, of_weights)
        read = FLOAT_BITS


def _pooled(layer: Convolution, is_global: bool) -> dict[str, Any]:
    window = [layer.height, layer.width] if is_global else [POOL, POOL]
    sizes = {"height": layer.height, "width": layer.width, "channels": layer.out_channels}
    return {**sizes, "kernel": window, "stride": window, "padding": "valid"}


def _operator(kind: str, name: str, sizes: Mapping[str, Any], bits: Mapping[str, int]) -> Operator:
    return operator_of({"kind": kind, "name": name, **sizes, **bits})


def _buffers(operators: tuple[Operator, ...]) -> Iterator[Buffer]:
    """Every tensor from the operator that writes it to the next one."""
    first = operators[0]
    yield Buffer("features", packed_bytes(first.input_elements, first.input_bits), 0, 0)
    for index, op in enumerate(operators):
        last = min(index + 1, len(operators) - 1)
        yield Buffer(op.name, packed_bytes(op.output_elements, op.output_bits), index, last)
