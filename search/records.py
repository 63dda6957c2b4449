"""The record of one evaluation, as it stands in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evaluators.clip_tables import ClipRow, checked_clips
from spaces import Configuration

State = Literal["done", "infeasible", "failed", "timed_out", "pruned"]
Mode = Literal["generations", "asynchronous"]
"""How a search asks: for whole batches, which does not depend on who evaluates, or whenever a worker is free."""
STATES: tuple[State, ...] = ("done", "infeasible", "failed", "timed_out", "pruned")


_UNWRITTEN = ("clips", "estimated")
"""Fields that a line of the journal has only where they say something."""


@dataclass(frozen=True)
class TrialRecord:
    """What became of one configuration on one split; self-contained, one line of the journal.

    Attributes:
        trial: Number of the trial, from 0, in the order in which the optimizer asked.
        split: Data the metrics were measured on. `validation` records are the search itself; `test` records
            score the front once more and share the number of their trial.
        configuration: Knob name -> value.
        state: How it ended. `infeasible`: costs broke a constraint, nothing was evaluated.
        metrics: Metric name -> value, unless the state says otherwise.
        standard_errors: Metric name -> standard error of the value, where it is known.
        costs: Cost name -> value.
        activity: Measured shares of work done (dynamic networks).
        reason: Why it is not done, for people.
        label: Name of a baseline, such as `4 bits`; empty for what an optimizer asked.
        seed: Seed the evaluation drew its randomness from.
        fidelity: Share of the split that was used.
        seconds: Duration of the evaluation.
        worker: Who evaluated.
        cached: Whether the values came from an earlier run.
        mode: How the search asked for it.
        clips: The metrics clip by clip, where the system tells them; not written where it does not.
        estimated: Of a pruned trial, what all data would probably say: objective -> value; not written where empty.
    """

    trial: int
    split: Literal["validation", "test"]
    configuration: Configuration
    state: State
    metrics: Mapping[str, float] = field(default_factory=dict)
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    activity: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    label: str = ""
    seed: int = 0
    fidelity: float = 1.0
    seconds: float = 0.0
    worker: str = ""
    cached: bool = False
    mode: Mode = "generations"
    clips: Sequence[ClipRow] = ()
    estimated: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """Metric or cost of that name.

        Raises:
            KeyError: If the record has neither.
        """
        if name in self.metrics:
            return self.metrics[name]
        return self.costs[name]

    def to_json(self) -> str:
        """One line of JSON."""
        fields = {name: value for name, value in self.__dict__.items() if value or name not in _UNWRITTEN}
        return json.dumps(fields, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: str | bytes) -> TrialRecord:
        """Read back one line.

        Raises:
            ValueError: If the line is not a record.
        """
        try:
            fields: Any = json.loads(line)
            record = cls(**fields)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"not a trial record: {error}") from error
        if not record._is_sound():
            raise ValueError("not a trial record")
        try:
            return replace(record, clips=checked_clips(record.clips))
        except ValueError as error:
            raise ValueError(f"not a trial record: {error}") from error

    def _is_sound(self) -> bool:
        """Whether every part has the type that others rely on."""
        numbers = (self.metrics, self.standard_errors, self.costs, self.activity, self.estimated)
        return (
            self.state in STATES
            and self.split in ("validation", "test")
            and type(self.trial) is int
            and self.trial >= 0
            and all(isinstance(mapping, dict) for mapping in (self.configuration, *numbers))
            and all(type(value) in (int, float) for mapping in numbers for value in mapping.values())
        )
