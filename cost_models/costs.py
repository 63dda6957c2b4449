"""From an operator table to named costs, with a breakdown by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cost_models.workload import Buffer, Operator, Workload, bytes_of

COSTS: Mapping[str, str] = {
    "macs": "multiply-accumulates of one inference, expected over the data",
    "macs_worst": "multiply-accumulates of one inference, worst case",
    "parameters": "trained numbers: weights and biases",
    "model_bytes": "bytes of weights as packed, biases, requantization constants and tables",
    "peak_ram_bytes": "largest sum of the buffers that are live at the same time",
}
"""Cost name -> what it is. All are minimized."""


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
class CostReport:
    """The costs of one configuration on one target.

    Attributes:
        costs: Cost name -> value.
        operators: The breakdown, in schedule order.
    """

    costs: Mapping[str, float]
    operators: Sequence[OperatorCost]


def cost_report(workload: Workload) -> CostReport:
    """Cost a workload; pure, and independent of any target."""
    operators = [_operator_cost(op) for op in workload.operators]
    costs = {
        "macs": sum(op.macs for op in operators),
        "macs_worst": sum(op.macs_worst for op in operators),
        "parameters": sum(op.parameters for op in operators),
        "model_bytes": sum(op.model_bytes for op in operators),
        "peak_ram_bytes": peak_ram_bytes(workload),
    }
    return CostReport(costs, operators)


def peak_ram_bytes(workload: Workload) -> int:
    """Largest sum of the buffers that are live while any one operator runs."""
    if not workload.buffers:
        return max((_in_and_out(op) for op in workload.operators), default=0)
    steps = range(max(len(workload.operators), 1))
    return max(sum(b.n_bytes for b in workload.buffers if _is_live(b, step)) for step in steps)


def _operator_cost(op: Operator) -> OperatorCost:
    worst = op.macs * op.executions
    return OperatorCost(
        name=op.name,
        kind=op.kind,
        macs=worst * op.activity,
        macs_worst=worst,
        parameters=op.weight_count + op.constant_count,
        weight_bits=op.weight_bits,
        weight_bytes=op.weight_bytes,
        constant_bytes=op.constant_bytes,
    )


def _in_and_out(op: Operator) -> int:
    return bytes_of(op.input_elements, op.input_bits) + bytes_of(op.output_elements, op.output_bits)


def _is_live(buffer: Buffer, step: int) -> bool:
    if buffer.first is None or buffer.last is None:
        return True
    return buffer.first <= step <= buffer.last
