"""From an operator table to named costs, with a breakdown by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cost_models.cycles import operator_cycles
from cost_models.target import Target
from cost_models.workload import Buffer, Operator, Workload, bytes_of

COSTS: Mapping[str, str] = {
    "macs": "multiply-accumulates of one inference, expected over the data",
    "macs_worst": "multiply-accumulates of one inference, worst case",
    "parameters": "trained numbers: weights and biases",
    "model_bytes": "bytes of weights as packed, biases, requantization constants and tables",
    "peak_ram_bytes": "largest sum of the buffers that are live at the same time",
}
"""Cost name -> what it is. All are minimized."""

TARGET_COSTS: Mapping[str, str] = {
    "cycles": "clock cycles of one inference, expected over the data",
    "cycles_low": "lower end of the error band of cycles",
    "cycles_high": "upper end of the error band of cycles",
    "cycles_worst": "clock cycles of one inference, worst case",
    "cycles_p95": "clock cycles that 95 % of the inferences do not exceed, where the activity's quantile is known",
    "latency_ms": "milliseconds of one inference, expected over the data",
    "latency_worst_ms": "milliseconds of one inference, worst case",
    "latency_p95_ms": "milliseconds that 95 % of the inferences do not exceed, where the activity's quantile is known",
}
"""What a target adds. All are minimized."""

ACTIVITY_COSTS = frozenset(
    {"macs", "cycles", "cycles_low", "cycles_high", "cycles_p95", "latency_ms", "latency_p95_ms"}
)
"""Costs that depend on how much of a dynamic network really runs."""


@dataclass(frozen=True)
class OperatorCost:
    """What one operator adds to the costs of an inference."""

    name: str
    kind: str
    macs: float
    macs_worst: float
    parameters: int
    weight_bits: int
    weight_bytes: int
    constant_bytes: int

    @property
    def model_bytes(self) -> int:
        """Bytes in flash: weights and constants."""
        return self.weight_bytes + self.constant_bytes


@dataclass(frozen=True)
class TimedOperatorCost(OperatorCost):
    """The same on a target: with its cycles, expected and in the worst case."""

    cycles: float
    cycles_worst: float


@dataclass(frozen=True)
class CostReport:
    """The costs of one configuration, on one target if there is one.

    Attributes:
        costs: Cost name -> value.
        operators: The breakdown, in schedule order.
    """

    costs: Mapping[str, float]
    operators: Sequence[OperatorCost]


def cost_report(workload: Workload, target: Target | None = None) -> CostReport:
    """The costs of a workload and what each operator adds to them; pure.

    Raises:
        UserError: The target has no kernel for one of the operators.
    """
    return CostReport(workload_costs(workload, target), [_operator_cost(op, target) for op in workload.operators])


def workload_costs(workload: Workload, target: Target | None = None) -> dict[str, float]:
    """The costs of a workload without the breakdown: what a search needs a million times.

    Raises:
        UserError: The target has no kernel for one of the operators.
    """
    rows = [_figures(op) for op in workload.operators]
    macs, macs_worst, parameters, model_bytes = map(sum, zip(*rows, strict=True)) if rows else (0, 0, 0, 0)
    costs: dict[str, float] = {
        "macs": macs,
        "macs_worst": macs_worst,
        "parameters": parameters,
        "model_bytes": model_bytes,
        "peak_ram_bytes": peak_ram_bytes(workload),
    }
    return costs if target is None else {**costs, **_target_costs(workload, target)}


def peak_ram_bytes(workload: Workload) -> int:
    """Largest sum of the buffers that are live while any one operator runs."""
    if not workload.buffers:
        return max((_in_and_out(op) for op in workload.operators), default=0)
    always = sum(b.n_bytes for b in workload.buffers if b.first is None or b.last is None)
    # The sum can only rise where a buffer begins to live.
    first_steps = {b.first for b in workload.buffers if b.first is not None and b.last is not None}
    last_step = max(len(workload.operators), 1) - 1
    return always + max(
        (sum(b.n_bytes for b in workload.buffers if _is_live(b, step)) for step in first_steps if step <= last_step),
        default=0,
    )


class _Figures(NamedTuple):
    macs: float
    macs_worst: float
    parameters: int
    model_bytes: int


@lru_cache(maxsize=1 << 16)
def _figures(op: Operator) -> _Figures:
    worst = op.macs * op.executions
    return _Figures(
        worst * op.activity, worst, op.weight_count + op.constant_count, op.weight_bytes + op.constant_bytes
    )


def _target_costs(workload: Workload, target: Target) -> dict[str, float]:
    overhead = target.facts.overhead_cycles.value
    rows = [operator_cycles(op, target) for op in workload.operators]
    totals = map(sum, zip(*rows, strict=True)) if rows else (0, 0, 0, 0, 0)
    expected, worst, p95, low, high = (overhead + total for total in totals)
    costs = {"cycles": expected, "cycles_low": low, "cycles_high": high, "cycles_worst": worst}
    if any(op.activity_p95 is not None for op in workload.operators):
        costs["cycles_p95"] = p95
    ms = 1e3 / target.facts.clock_hz
    times = {name.replace("cycles", "latency") + "_ms": n * ms for name, n in costs.items()}
    return {**costs, **{name: value for name, value in times.items() if name in TARGET_COSTS}}


def _operator_cost(op: Operator, target: Target | None) -> OperatorCost:
    figures = _figures(op)
    stored = (figures.parameters, op.weight_bits, op.weight_bytes, op.constant_bytes)
    if target is None:
        return OperatorCost(op.name, op.kind, figures.macs, figures.macs_worst, *stored)
    cycles = operator_cycles(op, target)
    return TimedOperatorCost(
        op.name, op.kind, figures.macs, figures.macs_worst, *stored, cycles=cycles.expected, cycles_worst=cycles.worst
    )


def _in_and_out(op: Operator) -> int:
    return bytes_of(op.input_elements, op.input_bits) + bytes_of(op.output_elements, op.output_bits)


def _is_live(buffer: Buffer, step: int) -> bool:
    return buffer.first is not None and buffer.last is not None and buffer.first <= step <= buffer.last
