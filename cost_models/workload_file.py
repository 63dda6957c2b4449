"""Reads the operator table of any network from a YAML or JSON file; docs/workload_file.md describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, ValidationError

from cost_models.convolutions import Conv1d, Conv2d, Depthwise, Pointwise, Pool
from cost_models.layers import Elementwise, FullyConnected, Gru, Layer, LayerFigures, Lstm
from cost_models.workload import Buffer, Operator, Workload, bytes_of
from spaces import Document, Options, Problem, UserError, problems_of, shown, unknown

NETWORK_INPUT = "input"
CHANNEL_BYTES = 12
"""Bias, multiplier and shift of one output channel, 32 bits each."""
MAX_OPERATORS = 10_000
DEFAULT_BITS = 8

LAYERS: Mapping[str, type[Layer]] = {
    "fully_connected": FullyConnected,
    "conv1d": Conv1d,
    "conv2d": Conv2d,
    "depthwise": Depthwise,
    "pointwise": Pointwise,
    "gru": Gru,
    "lstm": Lstm,
    "pool": Pool,
    "elementwise": Elementwise,
}
"""Kind -> the layer."""


class WorkloadFile(Options):
    """The keys of a workload file beside its operators."""

    name: str = Field("", max_length=200, description="name of the network")
    description: str = Field("", description="what it is and where its shapes come from")
    weight_bits: int = Field(DEFAULT_BITS, ge=1, le=32, description="bits of a weight, where an operator does not say")
    activation_bits: int = Field(DEFAULT_BITS, ge=1, le=32, description="bits of an activation, where one does not say")
    operators: list[Any] = Field(min_length=1, max_length=MAX_OPERATORS, description="the operators, in schedule order")


@dataclass(frozen=True)
class _Placed:
    """A layer with everything that the file leaves to defaults."""

    layer: Layer
    figures: LayerFigures
    kind: str
    name: str
    weight_bits: int
    input_bits: int
    output_bits: int


def read_workload(path: Path) -> Workload:
    """The workload in a file.

    Raises:
        UserError: With every problem found, each with its line.
    """
    document = Document.read(path, "workload", "operators: [{kind: fully_connected, inputs: 64, outputs: 10}]")
    try:
        file = WorkloadFile.model_validate(document.data)
    except ValidationError as error:
        raise UserError(problems_of(error, WorkloadFile), document.where) from error
    problems: list[Problem] = []
    layers = [_layer(entry, index, problems) for index, entry in enumerate(file.operators)]
    placed = [
        _placed(layer, entry["kind"], index, file.weight_bits, file.activation_bits)
        for index, (layer, entry) in enumerate(zip(layers, file.operators, strict=True))
        if layer is not None
    ]
    if len(placed) == len(layers):
        problems += _graph_problems(placed)
    if problems:
        raise UserError(problems, document.where)
    return Workload(
        tuple(_operator(layer) for layer in placed),
        tuple(_buffers(placed)),
        is_dynamic=any(p.layer.activity < 1 or p.layer.activity_p95 is not None for p in placed),
    )


def operator_of(entry: Mapping[str, Any]) -> Operator:
    """One operator by itself, as a mapping with the keys that it has in a workload file.

    Raises:
        UserError: With every problem found; paths start at the entry.
    """
    problems: list[Problem] = []
    layer = _layer(entry, 0, problems)
    if layer is None:
        raise UserError([Problem(p.path[2:], p.message, p.allowed, p.suggestion) for p in problems])
    return _operator(_placed(layer, entry["kind"], 0, DEFAULT_BITS, DEFAULT_BITS))


def _layer(entry: Any, index: int, problems: list[Problem]) -> Layer | None:
    path = ("operators", index)
    if not isinstance(entry, dict):
        problems.append(Problem(path, f"{shown(entry)} is no operator", "a mapping with kind and shape"))
        return None
    kind = entry.get("kind")
    if kind is None:
        problems.append(Problem((*path, "kind"), "is missing", ", ".join(LAYERS)))
        return None
    if not isinstance(kind, str) or kind not in LAYERS:
        problems.append(unknown((*path, "kind"), "kind of operator", str(kind), LAYERS))
        return None
    model = LAYERS[kind]
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        problems += [problem.under(*path) for problem in problems_of(error, model)]
        return None


def _placed(layer: Layer, kind: str, index: int, weight_bits: int, activation_bits: int) -> _Placed:
    input_bits = layer.activation_bits or activation_bits
    return _Placed(
        layer=layer,
        figures=layer.figures(),
        kind=kind,
        name=layer.name or f"{kind}{index}",
        weight_bits=layer.weight_bits or weight_bits,
        input_bits=input_bits,
        output_bits=layer.output_bits or input_bits,
    )


def _graph_problems(placed: Sequence[_Placed]) -> Iterator[Problem]:
    written: dict[str, int] = {}
    for index, operator in enumerate(placed):
        path = ("operators", index)
        if operator.layer.reads is not None:
            yield from _read_problems(operator, written, path)
        if operator.name in written or operator.name == NETWORK_INPUT:
            yield Problem((*path, "name"), f'the name "{operator.name}" is taken')
        written[operator.name] = operator.figures.output_elements


def _read_problems(operator: _Placed, written: Mapping[str, int], path: tuple[str | int, ...]) -> Iterator[Problem]:
    reads = operator.layer.reads or []
    earlier = [*written, NETWORK_INPUT]
    missing = False
    for position, name in enumerate(reads):
        if name not in earlier:
            missing = True
            yield unknown((*path, "reads", position), "operator before this one", name, earlier)
    if missing or NETWORK_INPUT in reads:
        return
    there, needed = sum(written[name] for name in reads), operator.figures.input_elements
    if there != needed:
        yield Problem((*path, "reads"), f"{' and '.join(reads)} have {there:,} elements, the operator reads {needed:,}")


def _operator(placed: _Placed) -> Operator:
    layer, figures = placed.layer, placed.figures
    return Operator(
        name=placed.name,
        kind=placed.kind,
        macs=figures.macs,
        weight_count=figures.weight_count,
        weight_bits=placed.weight_bits,
        weight_bytes=-(-figures.weight_count * placed.weight_bits // 8),
        constant_bytes=CHANNEL_BYTES * figures.channels + figures.table_bytes,
        constant_count=figures.channels,
        input_elements=figures.input_elements,
        input_bits=placed.input_bits,
        output_elements=figures.output_elements,
        output_bits=placed.output_bits,
        executions=_whole(layer.executions * figures.steps),
        activity=layer.activity,
        activity_p95=layer.activity_p95,
        shape=MappingProxyType(dict(figures.shape)),
    )


def _whole(number: float) -> float:
    """A whole number as one, so that counts stay counts."""
    return int(number) if number.is_integer() else number


def _buffers(placed: Sequence[_Placed]) -> Iterator[Buffer]:
    """Every tensor from where it is written to where it is last read, scratch memory, and recurrent state."""
    last_read = _last_reads(placed)
    first = placed[0]
    n_bytes = bytes_of(first.figures.input_elements, first.input_bits)
    yield Buffer(NETWORK_INPUT, n_bytes, 0, last_read.get(NETWORK_INPUT, 0))
    for index, operator in enumerate(placed):
        figures = operator.figures
        # What nobody reads is an output of the network and must last until its end.
        last = last_read.get(operator.name, len(placed) - 1)
        yield Buffer(f"{operator.name}.output", bytes_of(figures.output_elements, operator.output_bits), index, last)
        if figures.scratch_bytes:
            yield Buffer(f"{operator.name}.scratch", figures.scratch_bytes, index, index)
        if figures.state_elements:
            n_bytes = bytes_of(figures.state_elements, figures.state_bits or operator.output_bits)
            yield Buffer(f"{operator.name}.state", n_bytes)


def _last_reads(placed: Sequence[_Placed]) -> dict[str, int]:
    last_read: dict[str, int] = {}
    for index, operator in enumerate(placed):
        before = placed[index - 1].name if index else NETWORK_INPUT
        for name in operator.layer.reads if operator.layer.reads is not None else [before]:
            last_read[name] = index
    return last_read
