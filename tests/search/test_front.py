"""The front document, made from records alone."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from search.constraints import parse_constraint
from search.front import (
    baseline_records,
    front_csv,
    front_document,
    front_records,
    is_feasible,
    reference_point,
)
from search.objectives import Objectives
from search.records import TrialRecord
from search.run_directory import RunFacts

OBJECTIVES = Objectives(("accuracy", "macs"), {"accuracy": "max", "macs": "min"})
FACTS = RunFacts(
    study="toy",
    folder=".",
    objectives=["accuracy", "macs"],
    directions={"accuracy": "max", "macs": "min"},
    constraints=[],
    target="",
    system={"name": "toy", "fingerprint": "", "facts": {}},
    optimizer={"name": "random", "seed": 0},
)


def record(trial: int, accuracy: float | None, macs: float, label: str = "", **more: Any) -> TrialRecord:
    metrics = {} if accuracy is None else {"accuracy": accuracy}
    state = "failed" if accuracy is None else "done"
    fields = {"metrics": metrics, "costs": {"macs": macs}, "label": label, "state": state, **more}
    return TrialRecord(trial, fields.pop("split", "validation"), {"k": trial}, **fields)


# Two baselines; of the rest 3 is dominated, 4 failed.
RECORDS = [
    record(0, 0.5, 100, "2 bits"),
    record(1, 0.9, 300, "8 bits"),
    record(2, 0.8, 150),
    record(3, 0.7, 200),
    record(4, None, 50),
]


def test_signs_flip_once() -> None:
    assert OBJECTIVES.minimized(RECORDS[0]) == (-0.5, 100)
    assert OBJECTIVES.as_written([-0.5, 100.0]) == {"accuracy": 0.5, "macs": 100.0}
    assert OBJECTIVES.matrix(RECORDS[:2]).tolist() == [[-0.5, 100], [-0.9, 300]]
    assert OBJECTIVES.matrix([]).shape == (0, 2)


def test_the_reference_point_lies_a_tenth_of_the_spread_beyond_the_worst_baseline() -> None:
    # Accuracy from 0.5 to 0.9: 0.5 - 0.04. MACs from 100 to 300: 300 + 20.
    corner = reference_point(OBJECTIVES, RECORDS[:2])
    assert OBJECTIVES.as_written(corner.tolist()) == pytest.approx({"accuracy": 0.46, "macs": 320})


def test_the_reference_point_of_a_single_baseline_and_of_none() -> None:
    # Without a spread a tenth of the value itself, at least 0.1.
    corner = reference_point(OBJECTIVES, RECORDS[:1])
    assert OBJECTIVES.as_written(corner.tolist()) == pytest.approx({"accuracy": 0.4, "macs": 110})
    assert np.isinf(reference_point(OBJECTIVES, [RECORDS[4]])).all()


def test_the_front_is_sorted_by_the_first_objective() -> None:
    assert [r.trial for r in front_records(FACTS, RECORDS)] == [1, 2, 0]
    assert [r.label for r in baseline_records(RECORDS)] == ["2 bits", "8 bits"]


def test_the_document_of_a_run() -> None:
    tests = [record(2, 0.75, 150, split="test", standard_errors={"accuracy": 0.02})]
    document = front_document(FACTS, RECORDS + tests, {2: [{"name": "op"}]})
    assert [t["trial"] for t in document["trials"]] == [1, 2, 0]
    shown = document["trials"][1]
    assert shown["validation"] == {"accuracy": 0.8}
    assert (shown["test"], shown["test_standard_errors"]) == ({"accuracy": 0.75}, {"accuracy": 0.02})
    assert shown["operators"] == [{"name": "op"}]
    assert [b["label"] for b in document["baselines"]] == ["2 bits", "8 bits"]
    assert document["states"] == {"done": 4, "failed": 1}
    assert document["n_trials"] == 5
    assert document["reference_point"] == pytest.approx({"accuracy": 0.46, "macs": 320})
    # Below (-0.46, 320): (-0.5, 100) 0.04 x 220, then (-0.8, 150) 0.3 x 170 more, then (-0.9, 300) 0.1 x 20 more.
    assert document["hypervolume"] == pytest.approx(8.8 + 51 + 2)
    assert document["baseline_hypervolume"] == pytest.approx(8.8 + 0.4 * 20)
    assert document["knee"] == 2


def test_the_document_of_an_empty_run() -> None:
    document = front_document(FACTS, [])
    assert (document["trials"], document["baselines"], document["knee"]) == ([], [], None)
    assert (document["hypervolume"], document["reference_point"], document["is_feasible"]) == (0.0, None, False)


def test_constraints_bound_the_front() -> None:
    facts = RunFacts(**{**FACTS.__dict__, "constraints": ["macs <= 200", "accuracy >= 0.6"]})
    assert [r.trial for r in front_records(facts, RECORDS)] == [2]
    constraints = [parse_constraint(text) for text in facts.constraints]
    assert [is_feasible(r, constraints) for r in RECORDS] == [False, False, True, True, False]


def test_where_nothing_is_feasible_the_least_violating_come_first() -> None:
    facts = RunFacts(**{**FACTS.__dict__, "constraints": ["macs <= 40"]})
    infeasible = record(5, None, 60, state="infeasible")
    # Failed trials say nothing; of equal ones the earlier comes first.
    assert [r.trial for r in front_records(facts, [*RECORDS, infeasible])] == [5, 0, 2, 3, 1]


def test_text_that_a_spreadsheet_would_take_for_a_formula_is_quoted() -> None:
    bad = TrialRecord(0, "validation", {"mode": "=1+1", "k": -2}, "done", {"accuracy": 1.0}, costs={"macs": 3})
    (row,) = csv.DictReader(front_csv(front_document(FACTS, [bad])).splitlines())
    assert row["mode"] == "'=1+1"
    assert row["k"] == "-2"


def test_a_table_of_nothing_has_no_rows() -> None:
    assert front_csv(front_document(FACTS, [])).strip() == ""
