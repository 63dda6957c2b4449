from __future__ import annotations

import time

import moocore
import numpy as np
import pytest
from test_report_documents import ERROR_AND_SIZE, record_of, run_of, small_run, trial_of

from search.report.hypervolume import (
    evaluation_seconds,
    feasible_baselines,
    growth,
    hypervolume_figure,
    volume_of,
    worst_reference,
)
from search.report.summary import baseline_gain, key_figures, smallest_good, unfinished

REFERENCE = {"error_rate": 0.5, "model_bytes": 1000.0}


def test_growth_by_hand() -> None:
    grown = growth(small_run(), REFERENCE)
    assert grown.n_evaluations == [0, 1, 2, 3, 4, 5, 6]
    assert grown.seconds == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 2.5]  # the last one came from an earlier run
    # One point: (0.5 - 0.31) * (1000 - 110); two: 690 * 0.19 + 200 * 0.44.
    # Then with (0.30, 100), (0.10, 200), (0.05, 400):
    # 700 * 0.20 + 200 * 0.44; 100 * 0.20 + 600 * 0.40 + 200 * 0.44; 100 * 0.20 + 200 * 0.40 + 600 * 0.45.
    assert grown.hypervolume == pytest.approx([0, 169.1, 219.1, 228, 348, 370, 370])


def test_only_feasible_trials_at_full_fidelity_add_volume() -> None:
    records = [
        record_of(0, {"error_rate": 0.1, "model_bytes": 100}, state="infeasible", metrics={}),
        record_of(1, {"error_rate": 0.1, "model_bytes": 100}, fidelity=0.25),
        record_of(2, {"error_rate": 0.1, "model_bytes": 900}),
        record_of(3, {}, state="failed", reason="NaN"),
        record_of(4, {"error_rate": 0.4, "model_bytes": 500}),
        record_of(5, {"error_rate": 0.01, "model_bytes": 1}, split="test"),
    ]
    run = run_of(ERROR_AND_SIZE, records=records, constraints=["model_bytes <= 800"])
    grown = growth(run, REFERENCE)
    assert grown.n_evaluations == [0, 1, 2, 3, 4]  # the infeasible one was not evaluated, the test one is no search
    assert grown.hypervolume == pytest.approx([0, 0, 0, 0, 0.1 * 500])


def test_maximized_objectives_count_upwards() -> None:
    run = run_of(
        {"accuracy": "max", "model_bytes": "min"}, records=[record_of(0, {"accuracy": 0.9, "model_bytes": 400})]
    )
    assert growth(run, {"accuracy": 0.5, "model_bytes": 1000.0}).hypervolume == pytest.approx([0, 0.4 * 600])


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4, 5])
def test_the_last_checkpoint_agrees_with_moocore(n_objectives: int) -> None:
    rng = np.random.default_rng(n_objectives)
    values = rng.random((700, n_objectives))
    names = [f"o{i}" for i in range(n_objectives)]
    records = [record_of(i, dict(zip(names, map(float, row), strict=True))) for i, row in enumerate(values)]
    grown = growth(run_of(dict.fromkeys(names, "min"), records=records), dict.fromkeys(names, 1.1))
    assert grown.n_evaluations[-1] == 700
    assert len(grown.n_evaluations) <= 251
    assert grown.hypervolume == sorted(grown.hypervolume)
    assert grown.hypervolume[-1] == pytest.approx(moocore.hypervolume(values, ref=[1.1] * n_objectives))


def test_twenty_thousand_records_take_no_time() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((20_000, 3)) ** 0.5
    records = [
        record_of(i, {"error_rate": a, "model_bytes": b, "cycles": c}) for i, (a, b, c) in enumerate(values.tolist())
    ]
    run = run_of({"error_rate": "min", "model_bytes": "min", "cycles": "min"}, records=records)
    started = time.perf_counter()
    growth(run, {"error_rate": 1.1, "model_bytes": 1.1, "cycles": 1.1})
    assert time.perf_counter() - started < 3.0


def test_the_shared_reference_point_is_the_worst() -> None:
    a = small_run(reference_point={"error_rate": 0.5, "model_bytes": 900})
    b = small_run(reference_point={"error_rate": 0.4, "model_bytes": 1000})
    assert worst_reference([a, b]) == REFERENCE
    assert worst_reference([a, small_run(reference_point=None)]) is None
    maximized = [
        run_of({"accuracy": "max"}, reference_point={"accuracy": 0.2}),
        run_of({"accuracy": "max"}, reference_point={"accuracy": 0.1}),
    ]
    assert worst_reference(maximized) == {"accuracy": 0.1}


def test_the_figure_draws_lines_and_baselines() -> None:
    run = small_run()
    grown = growth(run, REFERENCE)
    figure = hypervolume_figure([run], [grown], REFERENCE, "time")
    line, baseline = figure.data
    assert list(line.x) == grown.seconds
    assert list(line.y) == pytest.approx(grown.hypervolume)
    assert list(baseline.y) == pytest.approx([219.1, 219.1])
    assert figure.layout.xaxis.title.text == "evaluation time, summed (s)"
    assert list(hypervolume_figure([run], [grown], REFERENCE, "evaluations").data[0].x) == [0, 1, 2, 3, 4, 5, 6]


def test_key_figures_by_hand() -> None:
    run = small_run()
    assert volume_of(run, run.members, REFERENCE) == pytest.approx(370)
    assert volume_of(run, feasible_baselines(run), REFERENCE) == pytest.approx(219.1)
    assert baseline_gain(run) == pytest.approx(370 / 219.1 - 1)
    found = smallest_good(run)
    assert found is not None
    assert (found.member.trial, found.baseline.label) == (4, "8 bits")  # 0.05 <= 0.06 + 0.005 < 0.10
    assert evaluation_seconds(run) == 2.5
    shown = {figure.label: (figure.value, figure.note) for figure in key_figures(run)}
    assert shown["trials"] == ("6", "6 done")
    assert shown["on the front"] == ("3", "beside 2 baselines")
    assert shown["hypervolume"] == ("+68.9 %", "against homogeneous baselines")
    errors = "validation error 5.000\u00a0% against 6.000\u00a0%"
    note = f"2 times smaller than 8 bits, validation error within 0.5 points; {errors}"
    assert shown["smallest good model"] == ("400\u00a0B", note)


def test_a_difference_of_the_whole_tolerance_is_within_it() -> None:
    trials = [
        trial_of(1, {"error_rate": 0.065, "model_bytes": 10}),
        trial_of(2, {"error_rate": 0.0651, "model_bytes": 5}),
    ]
    baselines = [trial_of(0, {"error_rate": 0.06, "model_bytes": 100}, label="8 bits")]
    found = smallest_good(run_of(ERROR_AND_SIZE, trials, baselines))
    assert found is not None
    assert found.member.trial == 1


@pytest.mark.parametrize("label", ["4 bits", "18 bits", "8"])
def test_without_an_8_bit_baseline_nothing_is_claimed(label: str) -> None:
    trials = [trial_of(1, {"error_rate": 0.06, "model_bytes": 10})]
    assert smallest_good(run_of(ERROR_AND_SIZE, trials, [{**trials[0], "label": label}])) is None


def test_reasons_are_counted() -> None:
    failures = [record_of(i, {}, state="failed", reason="out of memory") for i in range(3)]
    run = run_of(ERROR_AND_SIZE, records=[*failures, record_of(3, {}, state="timed_out", reason="60 s")])
    assert list(unfinished(run)) == [("failed", "out of memory", 3), ("timed out", "60 s", 1)]
