"""The front document: what a search found, made from storage alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.constraints import Constraint, total_violation
from search.objectives import Objectives
from search.pareto import front_indices, hypervolume, knee_index
from search.records import TrialRecord
from search.run_directory import RunFacts

Breakdown = Mapping[int, Sequence[Mapping[str, Any]]]
"""Trial -> the costs of its operators."""

N_LEAST_VIOLATING = 10
"""How many trials are shown where nothing is feasible."""


def is_feasible(record: TrialRecord, constraints: Sequence[Constraint]) -> bool:
    """Whether a record is done and keeps to every constraint."""
    return record.state == "done" and total_violation(constraints, {**record.costs, **record.metrics}) == 0


def reference_point(objectives: Objectives, records: Sequence[TrialRecord]) -> NDArray[np.float64]:
    """Corner of the hypervolume: a tenth of the spread beyond the worst of the records, minimized.

    It is taken from the baselines, so that all runs of a study share it; infinite where none is done.
    """
    values = objectives.matrix([r for r in records if r.state == "done"])
    if len(values) == 0:
        return np.full(len(objectives.names), np.inf)
    worst, spread = values.max(axis=0), np.ptp(values, axis=0)
    margin = 0.1 * np.where(spread > 0, spread, np.maximum(abs(worst), 1.0))
    return np.asarray(worst + margin, dtype=np.float64)


def front_records(facts: RunFacts, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The Pareto front of the validation records, by the first objective.

    Where nothing is feasible: the records that violate the constraints least.
    """
    objectives, constraints = facts.typed_objectives(), facts.typed_constraints()
    front = feasible_front(objectives, constraints, records)
    return sorted(front, key=objectives.minimized) if front else _least_violating(records, constraints)


def feasible_front(
    objectives: Objectives, constraints: Sequence[Constraint], records: Sequence[TrialRecord]
) -> list[TrialRecord]:
    """The feasible validation records that none dominates, in the order of the records."""
    feasible = [r for r in records if r.split == "validation" and is_feasible(r, constraints)]
    return [feasible[i] for i in front_indices(objectives.matrix(feasible))]


def baseline_records(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The homogeneous configurations, as labelled."""
    return [r for r in records if r.label and r.split == "validation"]


def front_document(
    facts: RunFacts,
    records: Sequence[TrialRecord],
    breakdown: Breakdown | None = None,
    references: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The document that `front` prints and the report draws; it holds no times, so equal runs have equal ones.

    Args:
        facts: Of the run.
        records: All its records, both splits.
        breakdown: Costs by operator of some trials.
        references: Points beside the front that are no trials; see `search.references`.
    """
    objectives, constraints = facts.typed_objectives(), facts.typed_constraints()
    searched = [r for r in records if r.split == "validation"]
    tests = {r.trial: r for r in records if r.split == "test"}
    front, baselines = front_records(facts, records), baseline_records(records)
    feasible = [r for r in searched if is_feasible(r, constraints)]
    corner = reference_point(objectives, baselines)
    values = objectives.matrix(feasible)
    known_corner = bool(np.isfinite(corner).all())

    def shown(record: TrialRecord) -> dict[str, Any]:
        return _trial(record, tests.get(record.trial), (breakdown or {}).get(record.trial, ()))

    return {
        "study": facts.study,
        "objectives": list(facts.objectives),
        "directions": dict(facts.directions),
        "constraints": list(facts.constraints),
        "target": facts.target,
        "hypervolume": hypervolume(values, corner),
        "baseline_hypervolume": hypervolume(
            objectives.matrix([r for r in baselines if is_feasible(r, constraints)]), corner
        ),
        "reference_point": objectives.as_written(corner.tolist()) if known_corner else None,
        "n_trials": len(searched),
        "states": {state: n for state in _states(searched) if (n := sum(r.state == state for r in searched))},
        "is_feasible": bool(feasible),
        "knee": front[knee_index(objectives.matrix(front))].trial if feasible else None,
        "trials": [shown(record) for record in front],
        "baselines": [{"label": record.label, **shown(record)} for record in baselines],
        "references": [dict(reference) for reference in references],
        "system": facts.system,
        "optimizer": facts.optimizer,
        "mode": facts.mode,
        "stopped": facts.stopped,
        "versions": facts.versions,
    }


def front_csv(document: Mapping[str, Any]) -> str:
    """The front, the baselines and the references as CSV, one column for every metric, cost and knob."""
    rows = [_flat("front", trial) for trial in document["trials"]]
    rows += [_flat(trial["label"], trial) for trial in document["baselines"]]
    no_trial = {"trial": "", "configuration": {}}
    rows += [_flat(reference["label"], {**reference, **no_trial}) for reference in document.get("references", ())]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _least_violating(records: Sequence[TrialRecord], constraints: Sequence[Constraint]) -> list[TrialRecord]:
    candidates = [r for r in records if r.split == "validation" and r.costs and r.state in ("done", "infeasible")]
    by_violation = sorted(candidates, key=lambda r: (total_violation(constraints, {**r.costs, **r.metrics}), r.trial))
    return by_violation[:N_LEAST_VIOLATING]


def _trial(record: TrialRecord, test: TrialRecord | None, operators: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "trial": record.trial,
        "state": record.state,
        "configuration": dict(record.configuration),
        "validation": dict(record.metrics),
        "test": dict(test.metrics) if test else {},
        "validation_standard_errors": dict(record.standard_errors),
        "test_standard_errors": dict(test.standard_errors) if test else {},
        "validation_clips": [dict(row) for row in record.clips],
        "test_clips": [dict(row) for row in test.clips] if test else [],
        "costs": dict(record.costs),
        "activity": dict(record.activity),
        "reason": record.reason,
        "operators": [dict(operator) for operator in operators],
    }


def _states(records: Sequence[TrialRecord]) -> list[str]:
    return list(dict.fromkeys(sorted(r.state for r in records)))


def _flat(group: str, trial: Mapping[str, Any]) -> dict[str, Any]:
    """One row; text that a spreadsheet would take for a formula is quoted."""
    row: dict[str, Any] = {"group": group, "trial": trial["trial"]}
    for part in ("validation", "test"):
        row |= {f"{part}.{name}": value for name, value in trial[part].items()}
        row |= {f"{part}.{name}.se": value for name, value in trial[f"{part}_standard_errors"].items()}
    row |= trial["costs"] | trial["configuration"]
    return {column: _safe(value) for column, value in row.items()}


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
