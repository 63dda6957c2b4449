"""What a report is drawn from: one run as it lies in storage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from evaluators.clip_tables import ClipRow
from search.constraints import Constraint, parse_constraint, total_violation
from search.illustrations import Illustrations
from search.pareto import Values, knee_index
from search.records import TrialRecord
from search.report.quantities import Extent, Quantity, quantity
from spaces import Configuration

Split = Literal["validation", "test"]


@dataclass(frozen=True)
class Member:
    """What the front document tells about: a configuration on the front, a baseline, or a reference.

    Attributes:
        key: Names it within the page: `f0`, `f1`, ... on the front, `b0`, `b1`, ... for the baselines,
            `r0`, `r1`, ... for the references.
        trial: Number of the trial; None for a reference.
        label: Name of the baseline, such as `4 bits`, or of the reference; empty on the front.
        configuration: Knob name -> value.
        metrics: Split -> metric name -> value; nothing for a split that was not evaluated.
        standard_errors: Split -> metric name -> standard error.
        costs: Cost name -> value.
        operators: The cost breakdown, in schedule order.
        clips: Split -> the metrics clip by clip; nothing where they are not known.
        activity: Name -> measured share of work done on validation, of a dynamic system.
    """

    key: str
    trial: int | None
    label: str
    configuration: Configuration
    metrics: Mapping[Split, Mapping[str, float]]
    standard_errors: Mapping[Split, Mapping[str, float]]
    costs: Mapping[str, float]
    operators: Sequence[Mapping[str, Any]]
    clips: Mapping[Split, Sequence[ClipRow]] = field(default_factory=dict)
    activity: Mapping[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What people call it, not escaped."""
        if self.trial is None:
            return self.label
        return f"{self.label} (trial {self.trial})" if self.label else f"trial {self.trial}"

    def value(self, name: str, split: Split = "validation") -> float | None:
        """Metric of that split, or cost; None if it is not known or not finite."""
        return _finite(self.metrics[split].get(name, self.costs.get(name)))

    def standard_error(self, name: str, split: Split) -> float | None:
        """Standard error of a metric; None where it is not known, as for costs, which are exact."""
        return _finite(self.standard_errors[split].get(name))


@dataclass(frozen=True)
class RunView:
    """One finished run.

    Attributes:
        name: What the page calls the run.
        front: The front document, as `front --json` prints it.
        records: The journal: all splits, in the order in which they were written.
        scale: Extents by which units and axes are chosen; by default the run's own. See `aligned`.
        illustrations: What it has to show beside numbers.
    """

    name: str
    front: Mapping[str, Any]
    records: Sequence[TrialRecord]
    scale: Mapping[str, Extent] | None = None
    illustrations: Illustrations = field(default_factory=Illustrations)

    @property
    def objectives(self) -> list[str]:
        """Names of the objectives, in the study's order."""
        return list(self.front["objectives"])

    @property
    def is_feasible(self) -> bool:
        """Whether the front keeps to the constraints; if not, it is the least violating trials."""
        return bool(self.front.get("is_feasible", True))

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The front."""
        return tuple(_member(f"f{i}", trial) for i, trial in enumerate(self.front["trials"]))

    @cached_property
    def baselines(self) -> tuple[Member, ...]:
        """The homogeneous configurations and whatever else the front is compared with."""
        return tuple(_member(f"b{i}", trial) for i, trial in enumerate(self.front["baselines"]))

    @cached_property
    def references(self) -> tuple[Member, ...]:
        """Points that no configuration of the space gives, such as another network."""
        return tuple(_member(f"r{i}", entry) for i, entry in enumerate(self.front.get("references", ())))

    @cached_property
    def validation_records(self) -> tuple[TrialRecord, ...]:
        """All records of the search itself."""
        return tuple(r for r in self.records if r.split == "validation")

    @cached_property
    def evaluated(self) -> tuple[TrialRecord, ...]:
        """Validation records with all objectives, at the highest fidelity of the run: those that may be compared."""
        done = [r for r in self.validation_records if r.state == "done"]
        fidelity = max((r.fidelity for r in done), default=1.0)
        return tuple(
            r for r in done if r.fidelity == fidelity and all(record_value(r, o) is not None for o in self.objectives)
        )

    @cached_property
    def background(self) -> tuple[TrialRecord, ...]:
        """Those of `evaluated` that are neither on the front nor baselines."""
        shown = {member.trial for member in (*self.members, *self.baselines)}
        return tuple(r for r in self.evaluated if r.trial not in shown)

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """The bounds of the study."""
        return tuple(parse_constraint(text) for text in self.front.get("constraints", ()))

    @cached_property
    def feasible(self) -> tuple[TrialRecord, ...]:
        """Those of `evaluated` that keep to the constraints."""
        if not self.constraints:
            return self.evaluated
        return tuple(r for r in self.evaluated if not total_violation(self.constraints, {**r.costs, **r.metrics}))

    @cached_property
    def cost_names(self) -> tuple[str, ...]:
        """Names of all costs, in the order in which they first appear."""
        costs = [*(m.costs for m in (*self.members, *self.baselines)), *(r.costs for r in self.validation_records)]
        return tuple(dict.fromkeys(name for known in costs for name in known))

    @cached_property
    def extents(self) -> Mapping[str, Extent]:
        """Smallest and largest value of every objective and cost, of both splits."""
        found: dict[str, Extent] = {}
        for name, value in self._all_values():
            low, high = found.get(name, (value, value))
            found[name] = (min(low, value), max(high, value))
        return found

    @cached_property
    def knee(self) -> Member | None:
        """The knee of the front on validation, as the document names it; None if no member has all objectives."""
        complete = [m for m in self.members if all(m.value(o) is not None for o in self.objectives)]
        named = next((m for m in complete if m.trial == self.front.get("knee")), None)
        if named is not None:
            return named
        return complete[knee_index(self.minimized(complete))] if complete else None

    @property
    def reference_point(self) -> Mapping[str, float] | None:
        """The hypervolume's reference point; None where there was nothing to place it by."""
        point = self.front.get("reference_point") or {}
        return point if all(_finite(point.get(o)) is not None for o in self.objectives) else None

    def is_maximized(self, name: str) -> bool:
        """Whether more of it is better; costs are always minimized."""
        return bool(self.front["directions"].get(name) == "max")

    def is_cost(self, name: str) -> bool:
        """Whether it is a cost, known exactly and the same on every split."""
        return name in self.cost_names

    def quantity(self, name: str) -> Quantity:
        """How the metric or cost is shown."""
        if name not in self._quantities:
            extents = self.extents if self.scale is None else self.scale
            self._quantities[name] = quantity(name, extents.get(name))
        return self._quantities[name]

    @cached_property
    def _quantities(self) -> dict[str, Quantity]:
        """Those asked for so far: every point of every figure asks."""
        return {}

    def minimized(self, points: Sequence[Member | TrialRecord]) -> Values:
        """Objective values on validation, those to maximize negated, shape (n_points, n_objectives).

        Raises:
            ValueError: If a point lacks an objective.
        """
        rows = [[self.sign(o) * _known(point, o) for o in self.objectives] for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(points), len(self.objectives))

    def sign(self, name: str) -> float:
        """-1 for what is maximized, else 1."""
        return -1.0 if self.is_maximized(name) else 1.0

    def _all_values(self) -> Iterator[tuple[str, float]]:
        splits: tuple[Split, Split] = ("validation", "test")
        for member in (*self.members, *self.baselines, *self.references):
            for name in {*self.objectives, *self.cost_names}:
                for value in (member.value(name, split) for split in splits):
                    if value is not None:
                        yield name, value
        for record in self.evaluated:
            for name in {*self.objectives, *record.costs}:
                value = record_value(record, name)
                if value is not None:
                    yield name, value


def aligned(runs: Sequence[RunView]) -> list[RunView]:
    """The same runs, all of them showing a quantity in the same unit and on the same kind of axis."""
    scale: dict[str, Extent] = {}
    for name, (low, high) in (item for run in runs for item in run.extents.items()):
        lowest, highest = scale.get(name, (low, high))
        scale[name] = (min(low, lowest), max(high, highest))
    return [replace(run, scale=scale) for run in runs]


def record_value(record: TrialRecord, name: str) -> float | None:
    """Metric or cost of a record; None if it is not known or not finite."""
    return _finite(record.metrics.get(name, record.costs.get(name)))


def point_value(point: Member | TrialRecord, name: str) -> float | None:
    """Metric or cost on validation, of either kind of point; None if it is not known."""
    return point.value(name) if isinstance(point, Member) else record_value(point, name)


def _known(point: Member | TrialRecord, name: str) -> float:
    value = point_value(point, name)
    if value is None:
        raise ValueError(f"trial {point.trial} has no {name}")
    return value


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _member(key: str, document: Mapping[str, Any]) -> Member:
    return Member(
        key=key,
        trial=document.get("trial"),
        label="" if key.startswith("f") else document.get("label", ""),
        configuration=document.get("configuration") or {},
        metrics={"validation": document["validation"], "test": document.get("test") or {}},
        standard_errors={
            "validation": document.get("validation_standard_errors") or {},
            "test": document.get("test_standard_errors") or {},
        },
        costs=document["costs"],
        operators=document.get("operators") or (),
        clips={
            "validation": document.get("validation_clips") or (),
            "test": document.get("test_clips") or (),
        },
        activity=document.get("activity") or {},
    )
