"""Completes a user's own system with defaults and checks what it returns.

Only `knobs` and `evaluate` are required. Everything else of the `System` protocol has a default here, and whatever the
user's code returns is checked, so that a mistake is reported with the member that made it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cost_models import COSTS, Workload
from evaluators.clip_tables import checked_clips
from evaluators.errors import EvaluationError, SystemContractError
from evaluators.illustrations import Illustration, illustration_error
from evaluators.metrics import METRICS, Metric
from evaluators.references import Reference
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from evaluators.workload_check import checked_workload, short
from spaces import Configuration, KnobGroup, check_conditions, knob_group

REQUIRED = ("knobs", "evaluate")
_MEASUREMENT = ("metrics", "activity", "standard_errors")


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
        self._call("prepare", lambda context: None, context)

    def fingerprint(self) -> str:
        """Default: empty, results are not kept for later runs."""
        fingerprint = self._call("fingerprint", str)
        if not isinstance(fingerprint, str):
            raise self._error("fingerprint", f"must return a text, got {short(fingerprint)}")
        return fingerprint

    def facts(self) -> Mapping[str, Any]:
        """Default: none."""
        facts = self._call("facts", dict)
        if not isinstance(facts, Mapping):
            raise self._error("facts", f"must return a mapping, got {short(facts)}")
        facts = dict(facts)
        try:
            json.dumps(facts, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise self._error("facts", f"returned something that JSON cannot hold: {error}") from error
        return facts

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """The user's measurements; a plain mapping of metrics will do for a `Measurement`."""
        answer = self._user.evaluate(configurations, split, fidelity)
        if isinstance(answer, Mapping | str) or not isinstance(answer, Sequence):
            raise self._error(
                "evaluate", f"must return a list with one measurement a configuration, got {short(answer)}"
            )
        if len(answer) != len(configurations):
            raise self._error(
                "evaluate", f"returned {len(answer)} measurements for {len(configurations)} configurations"
            )
        return [self._measurement(item) for item in answer]

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """Default: none beside those of the workload."""
        costs = self._call("costs", lambda configuration: {}, configuration)
        if not isinstance(costs, Mapping):
            raise self._error("costs", f"must return a mapping from cost names to numbers, got {short(costs)}")
        taken = next((name for name in costs if name in COSTS), None)
        if taken is not None:
            raise self._error("costs", f"{taken!r} is the name of a cost that follows from the workload")
        found = {str(name): self._number("costs", repr(name), value) for name, value in costs.items()}
        wild = next((name for name, value in found.items() if not math.isfinite(value)), None)
        if wild is not None:
            raise self._error("costs", f"{wild!r} must be finite, got {found[wild]}")
        return found

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """Default: an empty operator table, every cost of it 0."""
        workload = self._call("workload", lambda configuration, activity: Workload(()), configuration, activity)
        try:
            return checked_workload(workload)
        except (TypeError, ValueError) as error:
            raise self._error("workload", str(error)) from error

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Default: nothing beside the manifest that every export has."""
        self._call("export", lambda configuration, directory: None, configuration, directory)

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Default: none."""
        answer = self._call("references", lambda split: (), split)
        if isinstance(answer, Mapping | str) or not isinstance(answer, Sequence):
            raise self._error("references", f"must return a list of references, got {short(answer)}")
        return [self._reference(item) for item in answer]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Default: nothing to show."""
        answer = self._call("illustrate", lambda configurations: (), configurations)
        if isinstance(answer, Mapping | str) or not isinstance(answer, Sequence):
            raise self._error("illustrate", f"must return a list of illustrations, got {short(answer)}")
        for item in answer:
            if (wrong := illustration_error(item, len(configurations))) is not None:
                raise self._error("illustrate", wrong)
        return answer

    def _reference(self, item: Any) -> Reference:
        if not isinstance(item, Reference) or not isinstance(item.label, str) or not item.label:
            raise self._error("references", f"must return Reference objects with a label, got {short(item)}")
        measurement = self._measurement(item.measurement, "references")
        if not isinstance(item.costs, Mapping):
            raise self._error("references", f"costs of {item.label!r} must be a mapping, got {short(item.costs)}")
        costs = {str(name): self._number("references", repr(name), value) for name, value in item.costs.items()}
        values = {**measurement.metrics, **measurement.standard_errors, **costs}
        wild = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if wild is not None:
            raise self._error("references", f"{wild!r} of {item.label!r} must be finite, got {values[wild]}")
        return Reference(item.label, measurement, costs)

    def _call(self, member: str, default: Callable[..., Any], *arguments: Any) -> Any:
        """Call a member of the user's system; what it raises is told with the member's name."""
        method = getattr(self._user, member, default)
        if not callable(method):
            raise self._error(member, f"must be a method, got {short(method)}")
        try:
            return method(*arguments)
        except EvaluationError:
            raise
        except Exception as error:
            raise self._error(member, f"raised {type(error).__name__}: {error}") from error

    def _read_metrics(self) -> Mapping[str, Metric]:
        declared = getattr(self._user, "metrics", METRICS)
        if not isinstance(declared, Mapping):
            raise self._error("metrics", f'must be a mapping such as {{"error_rate": "min"}}, got {short(declared)}')
        return {str(name): self._metric(str(name), metric) for name, metric in declared.items()}

    def _metric(self, name: str, declared: Any) -> Metric:
        match declared:
            case Metric():
                return declared
            case "min" | "max":
                return Metric(declared)
        raise self._error("metrics", f'{name!r} must be "min" or "max", got {short(declared)}')

    def _read_knobs(self) -> Mapping[str, KnobGroup]:
        groups = self._call("knobs", dict)
        if not isinstance(groups, Mapping) or not groups:
            raise self._error("knobs", f"must return a mapping from kinds to knobs, got {short(groups)}")
        try:
            read = {str(kind): knob_group(str(kind), knobs) for kind, knobs in groups.items()}
            check_conditions(read)
            return read
        except TypeError as error:
            raise self._error("knobs", str(error)) from error

    def _measurement(self, item: Any, member: str = "evaluate") -> Measurement:
        measurement = Measurement(item) if isinstance(item, Mapping) else item
        if not isinstance(measurement, Measurement):
            raise self._error(member, f"each measurement must be a Measurement or a mapping, got {short(item)}")
        undeclared = next((name for name in measurement.metrics if name not in self.metrics), None)
        if undeclared is not None:
            raise self._error(member, f"returned the metric {undeclared!r}, which `metrics` does not declare")
        metrics, activity, errors = (self._numbers(member, part, getattr(measurement, part)) for part in _MEASUREMENT)
        try:
            return Measurement(metrics, activity, errors, checked_clips(measurement.clips))
        except ValueError as error:
            raise self._error(member, str(error)) from error

    def _numbers(self, member: str, part: str, values: Any) -> dict[str, float]:
        if not isinstance(values, Mapping):
            raise self._error(member, f"{part} must be a mapping from names to numbers, got {short(values)}")
        return {str(name): self._number(member, f"{part} {name!r}", value) for name, value in values.items()}

    def _number(self, member: str, what: str, value: Any) -> float:
        if not isinstance(value, bool | str | bytes):
            with suppress(TypeError, ValueError):  # told below
                return float(value)
        raise self._error(member, f"{what} must be a number, got {short(value)}")

    def _error(self, member: str, message: str) -> SystemContractError:
        return SystemContractError(f"{self._name}: {member} {message}")
