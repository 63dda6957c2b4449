"""The cycle model: an operator's cycles on a target.

`cycles = k_core * core + k_mem * lines`. `core` is what the kernel takes where no memory has wait states: looked up
by kind and bit widths, never scaled by bits. `lines` are the lines of weights that are fetched from flash.
"""

from __future__ import annotations

from typing import NamedTuple

from cost_models.target import Kernel, Target
from cost_models.terms import TERMS
from cost_models.workload import Operator


class OperatorCycles(NamedTuple):
    """Cycles of an operator in one inference.

    Attributes:
        expected, worst: With the activity measured on data; with every execution really happening.
        p95: With the activity that 95 % of the inferences do not exceed.
        low, high: Error band of the expected cycles.
    """

    expected: float
    worst: float
    p95: float
    low: float
    high: float


def operator_cycles(op: Operator, target: Target) -> OperatorCycles:
    """Cycles of an operator in one inference.

    Raises:
        UserError: The target has no kernel for it.
    """
    worst = execution_cycles(op, target) * op.executions
    expected = worst * op.activity
    band = target.kernel(op).error_band or target.facts.error_band
    return OperatorCycles(
        expected=expected,
        worst=worst,
        # Where the quantile is not known, the worst case is a bound.
        p95=worst if op.activity_p95 is None else worst * op.activity_p95,
        low=expected * (1 + band.low),
        high=expected * (1 + band.high),
    )


def execution_cycles(op: Operator, target: Target) -> float:
    """Cycles of one execution of an operator."""
    facts = target.facts
    cycles = facts.k_core.value * core_cycles(op, target)
    return cycles + facts.k_mem.value * lines_fetched(op, target) if facts.weights == "flash" else cycles


def core_cycles(op: Operator, target: Target) -> float:
    """Cycles of one execution where no memory has wait states."""
    kernel = target.kernel(op)
    return sum(coefficient * TERMS[term](op) for term, coefficient in kernel.cycles.items())


def lines_fetched(op: Operator, target: Target) -> float:
    """Lines of weights that one execution fetches; each is read `weight_reads` times its size in all."""
    if not op.weight_count:
        return 0.0
    n_bytes = stored_bytes(op, target.kernel(op)) * op.shape.get("weight_reads", op.weight_count) / op.weight_count
    return n_bytes / target.facts.line_bytes


def stored_bytes(op: Operator, kernel: Kernel) -> float:
    """Bytes of an operator's weights as the kernel stores them: at its own width, where it has none for theirs."""
    return op.weight_bytes * kernel.weight_bits / op.weight_bits
