"""The figures in an exported folder's README, and the predictions of cycles that stand there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cost_models import Operator, Workload, load_target, workload_costs
from cost_models.cycles import execution_cycles
from search.export.readme import with_figures
from search.export.verification import Figure, PredictedCycles

MANIFEST = {
    "study": "kws",
    "trial": 7,
    "target": "cortex_m4",
    "validation": {"error_rate": 0.0375, "pesq": 2.5},
    "validation_standard_errors": {"error_rate": 0.01},
    "test": {"error_rate": 0.05},
    "test_standard_errors": {"error_rate": 0.011},
    "costs": {"model_bytes": 6060, "latency_ms": 2.195},
}
FIGURES = """\
## Figures

Trial 7 of the study kws, target cortex_m4; `manifest.json` has all settings.

| metric | validation | test |
|---|---|---|
| error_rate (%) | 3.75 ± 1.00 | 5.00 ± 1.10 |
| pesq | 2.5 | - |

| cost | predicted |
|---|---|
| model_bytes | 6,060 |
| latency_ms | 2.195 |
| cycles of a step | 32,751 |
"""


def test_figures_follow_what_the_system_says() -> None:
    assert with_figures("# A model\n", MANIFEST, {"cycles of a step": 32750.6}) == f"# A model\n\n{FIGURES}"


def test_without_a_page_there_is_a_title() -> None:
    page = with_figures("", {**MANIFEST, "target": ""}, {})
    assert page.startswith("# kws, trial 7\n\n## Figures\n\nTrial 7 of the study kws; `manifest.json`")


def test_cycles_of_a_step_are_those_of_all_but_the_final_operators() -> None:
    target = load_target("cortex_m4", Path())
    shape = {"rows": 8, "columns": 8}
    step = Operator("a", "matrix_vector", 64, 64, 8, 64, output_elements=8, executions=5, shape=shape)
    final = Operator("classifier", "fully_connected", 64, 64, 8, 64, output_elements=8, shape=shape)
    workload = Workload((step, final))
    predicted = PredictedCycles.of(workload, ["classifier"], target)
    assert predicted.n_steps == 5
    assert predicted.step == pytest.approx(execution_cycles(step, target))
    assert predicted.inference == pytest.approx(5 * predicted.step + execution_cycles(final, target))
    assert predicted.inference == pytest.approx(workload_costs(workload, target)["cycles"])


def test_errors_of_figures_are_relative_to_what_was_measured() -> None:
    figure = Figure("bytes", measured=100, predicted=102, tolerance=0.02)
    assert math.isclose(figure.error, 0.02)
    assert Figure("bytes", 100, 98.5, 0.02).is_within_tolerance
    assert not Figure("bytes", 100, 97, 0.02).is_within_tolerance
