"""The cycle model: sums worked by hand, measured layers, laws of activity and of error bands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import ACTIVITY_COSTS, COSTS, TARGET_COSTS, Operator, Target, Workload, cost_report, load_target
from cost_models.costs import _Rows, workload_costs
from cost_models.cycles import core_cycles, execution_cycles, lines_fetched
from cost_models.target import ErrorBand, Figure, TargetFile
from cost_models.terms import TERMS
from cost_models.workload_file import operator_of
from spaces import UserError

CMSIS_NN = load_target("cortex_m4_cmsis_nn", Path())
DENSE = operator_of({"name": "dense", "kind": "fully_connected", "inputs": 128, "outputs": 64})


def changed(target: Target, **facts: object) -> Target:
    return Target(TargetFile.model_copy(target.facts, update=facts), target.kernels)


def test_a_layer_worked_by_hand() -> None:
    core = 2.317 * 8192 + 69.8 * 64 + 0.22 * 128 + 267
    assert core_cycles(DENSE, CMSIS_NN) == pytest.approx(core)
    assert lines_fetched(DENSE, CMSIS_NN) == 8192 / 8
    assert execution_cycles(DENSE, CMSIS_NN) == pytest.approx(1.197 * core + 4.97 * 1024)
    in_ram = changed(CMSIS_NN, weights="ram")
    assert execution_cycles(DENSE, in_ram) == pytest.approx(1.197 * core)


@pytest.mark.parametrize(("size", "cycles_per_mac", "error"), [(32, 4.55, 0.05), (256, 2.56, 0.02)])
def test_small_layers_cost_more_a_mac_as_measured(size: int, cycles_per_mac: float, error: float) -> None:
    op = operator_of({"kind": "fully_connected", "inputs": size, "outputs": size})
    assert core_cycles(op, CMSIS_NN) / size**2 == pytest.approx(cycles_per_mac, rel=error)


@pytest.mark.parametrize(
    ("hidden", "inputs", "cycles_per_mac"), [(24, 40, 4.44), (48, 48, 3.67), (64, 64, 3.32), (128, 64, 2.98)]
)
def test_products_of_a_gru_as_measured(hidden: int, inputs: int, cycles_per_mac: float) -> None:
    op = operator_of({"kind": "gru", "inputs": inputs, "hidden": hidden})
    assert core_cycles(op, CMSIS_NN) / op.macs == pytest.approx(cycles_per_mac, rel=0.002)


def test_weights_are_fetched_as_they_are_stored() -> None:
    def lines(bits: int, target: Target) -> float:
        return lines_fetched(
            operator_of({"kind": "fully_connected", "inputs": 64, "outputs": 64, "weight_bits": bits}), target
        )

    # The library has kernels for 4 and 8 bits: 3 bits are stored as 4, 5 as 8.
    assert [lines(bits, CMSIS_NN) for bits in (3, 4, 5, 8)] == [256, 256, 512, 512]
    # Ours unpack every width.
    assert [lines(bits, load_target("nucleo_l4r5zi", Path())) for bits in (3, 4, 5, 8)] == [192, 256, 320, 512]
    assert lines_fetched(Operator("x", "lookup"), CMSIS_NN) == 0


@pytest.mark.parametrize(
    ("rows", "columns", "tiles", "blocks"),
    [
        (4, 4, 1, 1),
        (8, 8, 4, 2),
        (7, 5, 4, 2),  # three rows are a block of four
        (6, 5, 2 + 1, 2),  # two rows are a block of their own, eight columns a tile
        (5, 9, 3 + 2, 2),
    ],
)
def test_tiles_of_our_kernels(rows: int, columns: int, tiles: int, blocks: int) -> None:
    op = Operator("x", "matrix_vector", output_elements=rows, shape={"rows": rows, "columns": columns})
    assert (TERMS["tiles"](op), TERMS["blocks"](op), TERMS["shifted_blocks"](op)) == (tiles, blocks, 0)
    large = replace(op, shape={**op.shape, "has_large_ratio": 1})
    assert TERMS["shifted_blocks"](large) == blocks


def test_a_shape_that_lacks_what_a_kernel_needs_is_told() -> None:
    with pytest.raises(UserError, match='operator "c" of kind conv2d has no "im2col_elements" in its shape'):
        cost_report(Workload([Operator("c", "conv2d", macs=9, weight_count=9)]), CMSIS_NN)


def test_costs_of_a_target() -> None:
    target = changed(
        CMSIS_NN,
        overhead_cycles=Figure(value=50, source="-"),
        error_band=ErrorBand(low=-0.1, high=0.5, source="-"),
        clock_hz=1_000_000,
    )
    gated = replace(DENSE, name="gated", executions=10, activity=0.3, activity_p95=0.6)
    report = cost_report(Workload([DENSE, gated], is_dynamic=True), target)
    one = execution_cycles(DENSE, target)
    assert report.costs == pytest.approx(
        {
            **workload_costs(Workload([DENSE, gated])),
            "cycles": 50 + one * 4,
            "cycles_low": 50 + one * 4 * 0.9,
            "cycles_high": 50 + one * 4 * 1.5,
            "cycles_worst": 50 + one * 11,
            "cycles_p95": 50 + one * 7,
            "latency_ms": (50 + one * 4) / 1e3,
            "latency_worst_ms": (50 + one * 11) / 1e3,
            "latency_p95_ms": (50 + one * 7) / 1e3,
        }
    )
    assert [vars(op)["cycles"] for op in report.operators] == pytest.approx([one, 3 * one])
    assert [vars(op)["cycles_worst"] for op in report.operators] == pytest.approx([one, 10 * one])


def test_names_of_costs() -> None:
    static = cost_report(Workload([DENSE]), CMSIS_NN).costs
    assert {*COSTS, *TARGET_COSTS} - set(static) == {"cycles_p95", "latency_p95_ms"}  # no quantile is known
    assert static["cycles"] == static["cycles_worst"]
    worst = {"macs_worst", "parameters", "model_bytes", "peak_ram_bytes", "cycles_worst", "latency_worst_ms"}
    assert {*COSTS, *TARGET_COSTS} - ACTIVITY_COSTS == worst


def test_an_operator_without_a_known_quantile_counts_as_always_running() -> None:
    known = replace(DENSE, name="known", activity=0.5, activity_p95=0.7)
    unknown = replace(DENSE, name="unknown", activity=0.5)
    costs = cost_report(Workload([known, unknown], is_dynamic=True), CMSIS_NN).costs
    assert costs["cycles_p95"] == pytest.approx(1.7 * execution_cycles(DENSE, CMSIS_NN))


@given(st.floats(0, 1), st.floats(0, 1))
def test_expected_cycles_rise_with_activity_up_to_the_worst_case(one: float, other: float) -> None:
    low, high = sorted((one, other))
    costs = [workload_costs(Workload([replace(DENSE, activity=share)]), CMSIS_NN) for share in (low, high, 1.0)]
    assert costs[0]["cycles"] <= costs[1]["cycles"] <= costs[2]["cycles"] == costs[0]["cycles_worst"]
    for of in costs:
        assert of["cycles_low"] <= of["cycles"] <= of["cycles_high"]


def test_what_is_kept_of_operators_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Rows, "CAPACITY", 3)
    for inputs in range(1, 20):
        op = operator_of({"kind": "fully_connected", "inputs": inputs, "outputs": 4})
        for _ in range(2):
            assert workload_costs(Workload([op, DENSE]))["macs"] == 4 * inputs + 8192
            cycles = execution_cycles(op, CMSIS_NN) + execution_cycles(DENSE, CMSIS_NN)
            assert workload_costs(Workload([op, DENSE]), CMSIS_NN)["cycles"] == pytest.approx(cycles)
