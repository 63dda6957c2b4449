"""The terms that cycles are sums of: what of an operator a kernel's time is proportional to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from cost_models.workload import Operator
from spaces import UserError

Term = Literal[
    "calls", "macs", "outputs", "inputs", "pixels", "im2col_elements", "units", "tiles", "blocks", "shifted_blocks"
]

MAC_TERMS = frozenset({"macs", "tiles"})
"""A kernel with weights must have one of them."""

BLOCK = 4
"""Rows, or elements, that our kernels compute together; cost_models/packing.py has the layout of weights."""


def _dimension(op: Operator, name: str) -> int:
    if name not in op.shape:
        raise UserError.plain(f'operator "{op.name}" of kind {op.kind} has no "{name}" in its shape')
    return op.shape[name]


def _outputs(op: Operator) -> int:
    return op.shape.get("rows", op.output_elements)


def _blocks(op: Operator) -> int:
    return -(-_outputs(op) // BLOCK)


def _tiles(op: Operator) -> int:
    rows, columns = _dimension(op, "rows"), _dimension(op, "columns")
    # One or two last rows are a block of their own, whose tiles are of two rows and eight columns.
    narrow = rows % BLOCK in (1, 2)
    return (rows + 1) // BLOCK * -(-columns // BLOCK) + narrow * -(-columns // (2 * BLOCK))


TERMS: Mapping[Term, Callable[[Operator], float]] = MappingProxyType(
    {
        "calls": lambda op: op.shape.get("calls", 1),
        "macs": lambda op: op.macs,
        "outputs": _outputs,
        "inputs": lambda op: op.shape.get("columns", op.input_elements),
        "pixels": lambda op: _dimension(op, "pixels"),
        "im2col_elements": lambda op: _dimension(op, "im2col_elements"),
        "units": lambda op: _dimension(op, "units"),
        "tiles": _tiles,
        "blocks": _blocks,
        "shifted_blocks": lambda op: _blocks(op) * op.shape.get("has_large_ratio", 0),
    }
)
"""Term -> its value for one execution of an operator.

calls: kernel calls, set-up. outputs: accumulators or elements written. inputs: elements of the vector read.
pixels: positions of a convolution's output. im2col_elements: elements copied into its columns. units: of a recurrent
layer, for its gates. tiles: sixteen weights that our kernels take at once, padding included. blocks: four outputs.
shifted_blocks: four outputs that our kernels requantize by a ratio of 1/4 or more, which takes longer.
"""

assert set(TERMS) == set(get_args(Term))
