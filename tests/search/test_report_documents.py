"""Small runs that the tests of the report share, and a check that they look like what a search writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.front import front_document
from search.records import TrialRecord
from search.report import RunView
from search.run_directory import RunFacts

COST_NAMES = {"model_bytes", "macs", "cycles", "peak_ram_bytes"}

HOSTILE = (
    '</script><script>window.hit=1</script><b>x</b><a href="javascript:window.hit=1">%{x} {{y}} &lt; \u202e \ud800'
)
"""Breaks out of scripts, of HTML, of Plotly's markup and templates; reverses text; is no valid Unicode."""


def trial_of(number: int, values: Mapping[str, float], **fields: Any) -> dict[str, Any]:
    """A trial as the front document holds it; metrics and costs are told apart by name."""
    split = {name: value for name, value in values.items() if name not in COST_NAMES}
    costs = {name: value for name, value in values.items() if name in COST_NAMES}
    empty = {"test": {}, "validation_standard_errors": {}, "test_standard_errors": {}, "operators": []}
    knobs = {"bit_widths.fc0": 2 + number, "bit_widths.fc1": 3}
    return {"trial": number, "configuration": knobs, "validation": split, "costs": costs, **empty, **fields}


def record_of(number: int, values: Mapping[str, float], **fields: Any) -> TrialRecord:
    trial = trial_of(number, values)
    plain = {"split": "validation", "state": "done", "metrics": trial["validation"], "costs": trial["costs"]}
    return TrialRecord(**{"trial": number, "configuration": trial["configuration"], **plain, **fields})


def run_of(
    directions: Mapping[str, str],
    trials: Sequence[Mapping[str, Any]] = (),
    baselines: Sequence[Mapping[str, Any]] = (),
    records: Sequence[TrialRecord] | None = None,
    name: str = "run",
    **fields: Any,
) -> RunView:
    """A run of those trials; unless others are given, they are its records."""
    found = records
    if found is None:
        known = {t["trial"]: t for t in [*trials, *baselines]}
        found = [record_of(n, {**t["validation"], **t["costs"]}) for n, t in sorted(known.items())]
    document = {
        "study": "study",
        "objectives": list(directions),
        "directions": dict(directions),
        "hypervolume": 0.0,
        "reference_point": None,
        "n_trials": len(found),
        "trials": list(trials),
        "baselines": list(baselines),
        "system": {"name": "toy"},
        "optimizer": {"name": "random", "seed": 0},
        "target": "cortex_m4",
        "versions": {"tinypareto": "0.1.0"},
        "is_feasible": bool(trials),
    }
    return RunView(name, {**document, **fields}, found)


ERROR_AND_SIZE = {"error_rate": "min", "model_bytes": "min"}


def small_run(**fields: Any) -> RunView:
    """Three front members with test results and operators, two baselines, one dominated trial."""
    trials = [
        trial_of(
            n,
            {"error_rate": error, "model_bytes": size},
            test={"error_rate": error + 0.01},
            test_standard_errors={"error_rate": 0.005},
            operators=[
                {"name": "fc0", "kind": "linear", "macs": 100 * (n + 1), "weight_bits": 4, "weight_bytes": size - 30}
                | {"constant_bytes": 10},
                {"name": "fc1", "kind": "linear", "macs": 50, "weight_bits": 3, "weight_bytes": 15}
                | {"constant_bytes": 5},
            ],
        )
        for n, error, size in [(2, 0.30, 100), (3, 0.10, 200), (4, 0.05, 400)]
    ]
    baselines = [
        trial_of(0, {"error_rate": 0.31, "model_bytes": 110}, label="2 bits"),
        trial_of(1, {"error_rate": 0.06, "model_bytes": 800}, label="8 bits"),
    ]
    records = [record_of(t["trial"], {**t["validation"], **t["costs"]}, seconds=0.5) for t in [*baselines, *trials]]
    records.append(record_of(5, {"error_rate": 0.4, "model_bytes": 500}, seconds=2.0, cached=True))
    fields = {"reference_point": {"error_rate": 0.5, "model_bytes": 1000}, **fields}
    return run_of(ERROR_AND_SIZE, trials, baselines, records, **fields)


def hostile_run() -> RunView:
    """A run in which every name and reason is `HOSTILE`."""
    operators = [{"name": HOSTILE, "kind": HOSTILE, "macs": 5, "weight_bytes": 7, "constant_bytes": 1}]
    names = {"error_rate": "min", f"{HOSTILE}_bytes": "min", "model_bytes": "min"}
    values = [{"error_rate": 0.1 * (i + 1), f"{HOSTILE}_bytes": 3 - i, "model_bytes": 10 + i} for i in range(2)]
    knobs = [{f"{HOSTILE}.{HOSTILE}": HOSTILE, f"{HOSTILE}.b": i, HOSTILE: "x"} for i in range(2)]
    trials = [
        trial_of(i, v, configuration=k, operators=operators) for i, (v, k) in enumerate(zip(values, knobs, strict=True))
    ]
    records = [record_of(9, {}, state="failed", reason=HOSTILE)]
    fields = {"study": HOSTILE, "target": HOSTILE, "system": {HOSTILE: HOSTILE}, "optimizer": {"name": HOSTILE}}
    reference = dict.fromkeys(names, 100.0)
    return run_of(
        names, trials, [{**trials[0], "label": HOSTILE}], records, HOSTILE, reference_point=reference, **fields
    )


def test_small_runs_have_the_shape_of_real_documents() -> None:
    facts = RunFacts(
        study="s",
        folder="",
        objectives=["error_rate"],
        directions={"error_rate": "min"},
        constraints=[],
        target="",
        system={},
        optimizer={},
    )
    written = front_document(facts, [record_of(0, {"error_rate": 0.5}, label="2 bits")])
    ours = run_of({"error_rate": "min"}, [trial_of(0, {"error_rate": 0.5})])
    assert set(ours.front) <= set(written)
    assert set(ours.front["trials"][0]) <= set(written["trials"][0])
    assert written["baselines"][0]["label"] == "2 bits"
