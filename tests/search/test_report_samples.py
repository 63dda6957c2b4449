"""Whole reports of plausible searches.

`python -m pytest tests/search/test_report_samples.py --basetemp=samples` leaves the pages under `samples/` to look at.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.front import baseline_records, front_document, front_records
from search.records import TrialRecord
from search.report import RunView, write_report
from search.run_directory import RunFacts
from spaces import canonical

GATES = ("input_reset", "input_update", "input_new", "hidden_reset", "hidden_update", "hidden_new")
OPERATORS = ("embed", *(f"gru{layer}.{gate}" for layer in range(2) for gate in GATES), "norm", "fc0", "fc1", "head")
"""17 operators."""

WEIGHTS = {name: 48 * (48 if name.startswith("gru") else 16) for name in OPERATORS}
SENSITIVITY = {name: 0.3 + 1.4 * ((7 * i) % 17) / 17 for i, name in enumerate(OPERATORS)}

Row = Mapping[str, Any]


def operator_rows(configuration: Mapping[str, Any]) -> list[Row]:
    """Costs by operator of a network whose knobs are `bit_widths.*`."""
    rows = []
    for name in OPERATORS:
        bits = int(configuration[f"bit_widths.{name}"])
        size = {"weight_bits": bits, "weight_bytes": -(-WEIGHTS[name] * bits // 8), "constant_bytes": 192}
        rows.append({"name": name, "kind": "linear", "macs": WEIGHTS[name] * 28, **size})
    return rows


def costs_of(configuration: Mapping[str, Any]) -> dict[str, float]:
    rows = operator_rows(configuration)
    return {
        "macs": sum(row["macs"] for row in rows),
        "model_bytes": sum(row["weight_bytes"] + row["constant_bytes"] for row in rows),
        "peak_ram_bytes": 2048 + 8 * max(configuration.values()),
        # Widths that do not divide a word take instructions to unpack.
        "cycles": sum(row["macs"] * (1.3 if 8 % row["weight_bits"] else 1.0) for row in rows),
    }


def error_of(configuration: Mapping[str, Any]) -> float:
    noise = sum(SENSITIVITY[name] * 4.0 ** -int(configuration[f"bit_widths.{name}"]) for name in OPERATORS)
    return float(0.9 - 0.87 * np.exp(-2.2 * noise))


def record(
    trial: int, configuration: Mapping[str, Any], rng: np.random.Generator, label: str = "", **fields: Any
) -> TrialRecord:
    split = fields.get("split", "validation")
    n_examples = 720 if split == "test" else 360
    noise = np.random.default_rng(zlib.crc32((split + canonical(configuration)).encode())).normal(0, 0.004)
    error = round(float(np.clip(error_of(configuration) + noise, 0.02, 0.9)) * n_examples) / n_examples
    values = {
        "split": "validation",
        "state": "done",
        "metrics": {"error_rate": error},
        "standard_errors": {"error_rate": float(np.sqrt(error * (1 - error) / n_examples))},
        "seconds": float(rng.uniform(0.02, 0.04)),
    }
    return TrialRecord(
        trial=trial, configuration=configuration, label=label, costs=costs_of(configuration), **{**values, **fields}
    )


def search_records(n_trials: int, seed: int, is_guided: bool) -> list[TrialRecord]:
    """Baselines, then random configurations or, guided, small changes of what is on the front so far."""
    rng = np.random.default_rng(seed)
    knobs = [f"bit_widths.{name}" for name in OPERATORS]
    records = [record(i, dict.fromkeys(knobs, b), rng, label=f"{b} bits") for i, b in enumerate(range(2, 9))]
    while len(records) < n_trials:
        if is_guided and rng.random() < 0.9:
            parent = records[int(rng.integers(max(0, len(records) - 60), len(records)))]
            rivals = [r for r in records if r.metrics and r.costs["model_bytes"] <= parent.costs["model_bytes"]]
            parent = min(rivals, key=lambda r: r.metrics["error_rate"], default=parent)
            child = dict(parent.configuration)
            for knob in rng.choice(knobs, 2):
                child[knob] = int(np.clip(child[knob] + rng.choice([-1, 1]), 2, 8))
        else:
            child = {knob: int(rng.integers(2, 9)) for knob in knobs}
        trial = len(records)
        if rng.random() < 0.02:
            failure = {"state": "failed", "reason": "worker died: out of memory", "metrics": {}, "standard_errors": {}}
            records.append(record(trial, child, rng, **failure))
        else:
            records.append(record(trial, child, rng))
    return records


def scored(facts: RunFacts, records: Sequence[TrialRecord], seed: int) -> list[TrialRecord]:
    """The records with those of the test split."""
    rng = np.random.default_rng(seed)
    shown = {r.trial: r for r in [*front_records(facts, records), *baseline_records(records)]}
    return [*records, *(record(r.trial, r.configuration, rng, r.label, split="test") for r in shown.values())]


def sample_run(
    name: str, objectives: Sequence[str], n_trials: int = 1000, seed: int = 0, is_guided: bool = True
) -> RunView:
    facts = RunFacts(
        study="gru_bits",
        folder="",
        objectives=list(objectives),
        directions=dict.fromkeys(objectives, "min"),
        constraints=["peak_ram_bytes <= 16384"],
        target="cortex_m4",
        system={"name": "gru_classifier", "task": "digits_rows", "hidden": 48},
        optimizer={"name": "guided" if is_guided else "random", "seed": seed},
        versions={"tinypareto": "0.1.0", "numpy": np.__version__},
    )
    records = scored(facts, search_records(n_trials, seed, is_guided), seed)
    breakdown = {r.trial: operator_rows(r.configuration) for r in records}
    return RunView(name, front_document(facts, records, breakdown), records)


TWO, THREE = ("error_rate", "model_bytes"), ("error_rate", "model_bytes", "cycles")

SAMPLES: Mapping[str, Callable[[], list[RunView]]] = {
    "two_objectives": lambda: [sample_run("gru_bits", TWO)],
    "three_objectives": lambda: [sample_run("gru_bits_cycles", THREE)],
    "comparison": lambda: [
        sample_run("gru_bits_guided", TWO, 500),
        sample_run("gru_bits_random", TWO, 500, seed=1, is_guided=False),
        sample_run("gru_bits_short", TWO, 300, seed=2),
    ],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_pages(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.html"
    write_report(SAMPLES[name](), path)
    text = path.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert text.count("plotly.js v") == 1
    assert list(tmp_path.iterdir()) == [path]  # no scratch file is left
