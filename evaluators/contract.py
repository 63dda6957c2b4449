"""Completes a user's own system with defaults and checks what it returns.

Only `knobs` and `evaluate` are required. Everything else of the `System` protocol has a default here, and whatever the
user's code returns is checked, so that a mistake is reported with the member that made it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cost_models import COSTS, Operator, Workload
from evaluators.errors import SystemContractError
from evaluators.metrics import METRICS, Metric
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup, knob_group

REQUIRED = ("knobs", "evaluate")


class CompleteSystem:
    """A user's system with every optional member filled in and every answer checked.

    Args:
        user: Any object with `knobs` and `evaluate`; see `System` for the rest.
        name: What to call it in messages.

    Raises:
        SystemContractError: If a required member is missing or a member is not callable.
    """

    def __init__(self, user: Any, name: str) -> None:
        self._user = user
        self._name = name
        missing = [member for member in REQUIRED if not callable(getattr(user, member, None))]
        if missing:
            raise self._error(missing[0], f"is missing; a system needs at least {' and '.join(REQUIRED)}")
        self.metrics = self._read_metrics()
        self._knobs = self._read_knobs()

    def knobs(self) -> Mapping[str, KnobGroup]:
        """The user's knobs, plain sequences of choices turned into knobs."""
        return self._knobs

    def prepare(self, context: Context) -> None:
        """Default: nothing to prepare."""
        self._optional("prepare", lambda context: None)(context)

    def fingerprint(self) -> str:
        """Default: empty, results are not kept for later runs."""
        return str(self._optional("fingerprint", lambda: "")())

    def facts(self) -> Mapping[str, Any]:
        """Default: none."""
        facts = self._optional("facts", dict)()
        try:
            json.dumps(facts, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise self._error("facts", f"returned something that JSON cannot hold: {error}") from error
        return dict(facts)

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """The user's measurements; a plain mapping of metrics will do for a `Measurement`."""
        answer = self._user.evaluate(configurations, split, fidelity)
        if isinstance(answer, Mapping | str) or not isinstance(answer, Sequence):
            raise self._error("evaluate", f"must return a list with one measurement a configuration, got {_short(answer)}")
        if len(answer) != len(configurations):
            raise self._error("evaluate", f"returned {len(answer)} measurements for {len(configurations)} configurations")
        return [self._measurement(item) for item in answer]

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """Default: none beside those of the workload."""
        costs = self._optional("costs", lambda configuration: {})(configuration)
        if not isinstance(costs, Mapping):
            raise self._error("costs", f"must return a mapping from cost names to numbers, got {_short(costs)}")
        for name, value in costs.items():
            if name in COSTS:
                raise self._error("costs", f"{name!r} is the name of a cost that follows from the workload")
            if not _is_number(value) or not math.isfinite(value):
                raise self._error("costs", f"{name!r} must be a finite number, got {_short(value)}")
        return {str(name): float(value) for name, value in costs.items()}

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """Default: an empty operator table, every cost of it 0."""
        workload = self._optional("workload", lambda configuration, activity: Workload(()))(configuration, activity)
        if not isinstance(workload, Workload):
            raise self._error("workload", f"must return a cost_models.Workload, got {_short(workload)}")
        wrong = next((op for op in workload.operators if not isinstance(op, Operator)), None)
        if wrong is not None:
            raise self._error("workload", f"operators must be cost_models.Operator, got {_short(wrong)}")
        return workload

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Default: nothing beside the manifest that every export has."""
        self._optional("export", lambda configuration, directory: None)(configuration, directory)

    def _optional(self, member: str, default: Callable[..., Any]) -> Callable[..., Any]:
        found = getattr(self._user, member, default)
        if not callable(found):
            raise self._error(member, f"must be a method, got {_short(found)}")
        return found

    def _read_metrics(self) -> Mapping[str, Metric]:
        declared = getattr(self._user, "metrics", METRICS)
        if not isinstance(declared, Mapping):
            raise self._error("metrics", f'must be a mapping such as {{"error_rate": "min"}}, got {_short(declared)}')
        return {str(name): self._metric(str(name), metric) for name, metric in declared.items()}

    def _metric(self, name: str, declared: Any) -> Metric:
        match declared:
            case Metric():
                return declared
            case "min" | "max":
                return Metric(declared)
        raise self._error("metrics", f'{name!r} must be "min" or "max", got {_short(declared)}')

    def _read_knobs(self) -> Mapping[str, KnobGroup]:
        groups = self._user.knobs()
        if not isinstance(groups, Mapping) or not groups:
            raise self._error("knobs", f"must return a mapping from kinds to knobs, got {_short(groups)}")
        try:
            return {str(kind): knob_group(str(kind), knobs) for kind, knobs in groups.items()}
        except TypeError as error:
            raise self._error("knobs", str(error)) from error

    def _measurement(self, item: Any) -> Measurement:
        measurement = Measurement(item) if isinstance(item, Mapping) else item
        if not isinstance(measurement, Measurement):
            raise self._error("evaluate", f"each measurement must be a Measurement or a mapping, got {_short(item)}")
        for name, value in measurement.metrics.items():
            if name not in self.metrics:
                raise self._error("evaluate", f"returned the metric {name!r}, which `metrics` does not declare")
            if not _is_number(value):
                raise self._error("evaluate", f"metric {name!r} must be a number, got {_short(value)}")
        return measurement

    def _error(self, member: str, message: str) -> SystemContractError:
        return SystemContractError(f"{self._name}: {member} {message}")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__float__")


def _short(value: Any) -> str:
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:77] + "..."
