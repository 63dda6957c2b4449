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

SAMPLE_COSTS: Mapping[str, str] = {
    "macs_per_sample": "multiply-accumulates for a sample of sound, expected over the data",
}
"""What is added where an inference takes in samples of sound. All are minimized."""

ACTIVITY_COSTS = frozenset(
    {"macs", "macs_per_sample", "cycles", "cycles_low", "cycles_high", "cycles_p95", "latency_ms", "latency_p95_ms"}
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
    total = _Row(*map(sum, zip(_NOTHING, *_rows(target).of(workload.operators), strict=True)))
    costs: dict[str, float] = {
        "macs": total.macs,
        "macs_worst": total.macs_worst,
        "parameters": total.parameters,
        "model_bytes": total.model_bytes,
        "peak_ram_bytes": peak_ram_bytes(workload),
    }
    if workload.n_samples is not None:
        costs["macs_per_sample"] = _whole(total.macs / workload.n_samples)
    return costs if target is None else {**costs, **_target_costs(total, workload, target)}


def peak_ram_bytes(workload: Workload) -> int:
    """Largest sum of the buffers that are live while any one operator runs."""
    if not workload.buffers:
        return max((_in_and_out(op) for op in workload.operators), default=0)
    # The sum can only rise where a buffer begins to live.
    steps = {0, *(b.first for b in workload.buffers if b.first is not None)}
    last_step = max(len(workload.operators), 1) - 1
    return max(sum(b.n_bytes for b in workload.buffers if _is_live(b, step)) for step in steps if step <= last_step)


def _whole(number: float) -> float:
    """A whole number as one, so that counts stay counts."""
    return int(number) if number.is_integer() else number


class _Row(NamedTuple):
    """What an operator adds to the costs of an inference; no cycles without a target."""

    macs: float
    macs_worst: float
    parameters: int
    model_bytes: int
    cycles: float
    cycles_worst: float
    cycles_p95: float
    cycles_low: float
    cycles_high: float


_NOTHING = _Row(0, 0, 0, 0, 0, 0, 0, 0, 0)


class _Rows:
    """The rows of the operators seen, for one target.

    A search costs millions of workloads made of the same few operators. They are told by identity: comparing them would
    take longer than adding up. While a row is kept, so is its operator, and no other can have its identity.
    """

    CAPACITY = 1 << 16

    def __init__(self, target: Target | None) -> None:
        self._target = target
        self._kept: dict[int, tuple[Operator, _Row]] = {}

    def of(self, operators: Sequence[Operator]) -> list[_Row]:
        kept = self._kept
        return [(kept.get(id(op)) or self._made(op))[1] for op in operators]

    def _made(self, op: Operator) -> tuple[Operator, _Row]:
        if len(self._kept) >= self.CAPACITY:
            self._kept.clear()
        entry = self._kept[id(op)] = (op, _row(op, self._target))
        return entry


@lru_cache(maxsize=16)
def _rows(target: Target | None) -> _Rows:
    return _Rows(target)


def _row(op: Operator, target: Target | None) -> _Row:
    worst = op.macs * op.executions
    parameters, model_bytes = op.weight_count + op.constant_count, op.weight_bytes + op.constant_bytes
    cycles = (0.0,) * 5 if target is None else operator_cycles(op, target)
    return _Row(worst * op.activity, worst, parameters, model_bytes, *cycles)


def _target_costs(total: _Row, workload: Workload, target: Target) -> dict[str, float]:
    names = ["cycles", "cycles_low", "cycles_high", "cycles_worst"]
    if any(op.activity_p95 is not None for op in workload.operators):
        names.append("cycles_p95")
    overhead, ms = target.facts.overhead_cycles.value, 1e3 / target.facts.clock_hz
    costs = {name: overhead + getattr(total, name) for name in names}
    times = {name.replace("cycles", "latency") + "_ms": cycles * ms for name, cycles in costs.items()}
    return {**costs, **{name: time for name, time in times.items() if name in TARGET_COSTS}}


def _operator_cost(op: Operator, target: Target | None) -> OperatorCost:
    row = _row(op, target)
    plain = OperatorCost(
        name=op.name,
        kind=op.kind,
        macs=row.macs,
        macs_worst=row.macs_worst,
        parameters=row.parameters,
        weight_bits=op.weight_bits,
        weight_bytes=op.weight_bytes,
        constant_bytes=op.constant_bytes,
    )
    if target is None:
        return plain
    return TimedOperatorCost(**vars(plain), cycles=row.cycles, cycles_worst=row.cycles_worst)


def _in_and_out(op: Operator) -> int:
    return bytes_of(op.input_elements, op.input_bits) + bytes_of(op.output_elements, op.output_bits)


def _is_live(buffer: Buffer, step: int) -> bool:
    if buffer.first is None or buffer.last is None:
        return True
    return buffer.first <= step <= buffer.last
