"""The terms that cycles are sums of: what of an operator a kernel's time is proportional to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from cost_models.workload import Operator
from spaces import UserError

Term = Literal["calls", "macs", "outputs", "inputs", "pixels", "im2col_elements"]

MAC_TERMS = frozenset({"macs"})
"""A kernel with weights must have one of them."""


def _of_shape(name: str) -> Callable[[Operator], float]:
    def term(op: Operator) -> float:
        if name not in op.shape:
            raise UserError.plain(f'operator "{op.name}" of kind {op.kind} has no "{name}" in its shape')
        return op.shape[name]

    return term


TERMS: Mapping[Term, Callable[[Operator], float]] = MappingProxyType(
    {
        "calls": lambda op: op.shape.get("calls", 1),
        "macs": lambda op: op.macs,
        "outputs": lambda op: op.shape.get("rows", op.output_elements),
        "inputs": lambda op: op.shape.get("columns", op.input_elements),
        "pixels": _of_shape("pixels"),
        "im2col_elements": _of_shape("im2col_elements"),
    }
)
"""Term -> its value for one execution of an operator.

calls: kernel calls, set-up. outputs: accumulators that are requantized. inputs: elements of the vector read.
pixels: positions of a convolution's output. im2col_elements: elements copied into its columns.
"""

assert set(TERMS) == set(get_args(Term))
