"""From an operator table to named costs."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import COSTS, Buffer, Operator, Workload, bytes_of, cost_report, packed_matrix_bytes, peak_ram_bytes

# Two operators of a recurrent layer over 10 steps; the second one really runs in 30 % of them.
INPUT = Operator(
    "input",
    "matrix_vector",
    macs=48 * 8,
    weight_count=48 * 8,
    weight_bits=4,
    weight_bytes=packed_matrix_bytes(48, 8, 4),
    constant_bytes=48 * 4,
    constant_count=48,
    input_elements=8,
    output_elements=48,
    executions=10,
)
OUTPUT = Operator("output", "fully_connected", macs=480, input_elements=48, output_elements=10, output_bits=32)
GATED = replace(OUTPUT, name="gated", executions=10, activity=0.3)


def test_costs_of_a_table_worked_by_hand() -> None:
    report = cost_report(Workload([INPUT, GATED]))
    assert report.costs == {
        "macs": 384 * 10 + 480 * 10 * 0.3,  # 3840 + 1440
        "macs_worst": 384 * 10 + 480 * 10,
        "parameters": 384 + 48,
        "model_bytes": 48 * 4 + 192,  # rows of 8 weights of 4 bits: 4 bytes each
        "peak_ram_bytes": 48 + 10 * 4,  # the second operator: 48 bytes in, ten 32-bit numbers out
    }


def test_every_cost_is_explained() -> None:
    assert set(cost_report(Workload(())).costs) == set(COSTS)


def test_an_empty_table_costs_nothing() -> None:
    assert set(cost_report(Workload(())).costs.values()) == {0}


def test_the_breakdown_adds_up() -> None:
    report = cost_report(Workload([INPUT, OUTPUT, GATED]))
    assert [op.name for op in report.operators] == ["input", "output", "gated"]
    for name in ("macs", "macs_worst", "parameters", "model_bytes"):
        assert sum(getattr(op, name) for op in report.operators) == report.costs[name]


def test_of_an_operator_only_what_it_stores_is_shown() -> None:
    assert asdict(cost_report(Workload([INPUT])).operators[0]) == {
        "name": "input",
        "kind": "matrix_vector",
        "macs": 3840,
        "macs_worst": 3840,
        "parameters": 432,
        "weight_bits": 4,
        "weight_bytes": 192,
        "constant_bytes": 192,
    }


def test_peak_memory_follows_the_lifetimes() -> None:
    # Step:              0    1    2
    # state    100      100  100  100
    # a         50       50   50
    # b         70            70   70
    buffers = [Buffer("state", 100), Buffer("a", 50, 0, 1), Buffer("b", 70, 1, 2)]
    assert peak_ram_bytes(Workload([INPUT, OUTPUT, GATED], buffers)) == 220
    assert peak_ram_bytes(Workload([INPUT, OUTPUT, GATED], [*buffers[:2], Buffer("b", 70, 2, 2)])) == 170
    assert peak_ram_bytes(Workload((), buffers[:1])) == 100


buffers = st.builds(Buffer, st.just("b"), st.integers(0, 1000), st.integers(0, 4), st.integers(0, 4)) | st.builds(
    Buffer, st.just("b"), st.integers(0, 1000)
)


@given(st.lists(buffers, min_size=1, max_size=8))
def test_peak_memory_equals_a_count_byte_by_byte(placed: list[Buffer]) -> None:
    live = [0] * 5
    for buffer in placed:
        first, last = (0, 4) if buffer.first is None or buffer.last is None else (buffer.first, buffer.last)
        for step in range(first, last + 1):
            live[step] += buffer.n_bytes
    assert peak_ram_bytes(Workload([replace(OUTPUT, name=str(i)) for i in range(5)], placed)) == max(live)


@given(st.floats(0, 1), st.floats(0, 1))
def test_expected_macs_rise_with_activity_up_to_the_worst_case(one: float, other: float) -> None:
    low, high = sorted((one, other))
    reports = [cost_report(Workload([replace(GATED, activity=share)])).costs for share in (low, high, 1.0)]
    assert reports[0]["macs"] <= reports[1]["macs"] <= reports[2]["macs"] == reports[0]["macs_worst"]


@pytest.mark.parametrize(("bits", "n_bytes"), [(1, 7), (8, 7), (9, 14), (16, 14), (17, 28), (32, 28)])
def test_an_element_in_memory_takes_whole_bytes(bits: int, n_bytes: int) -> None:
    assert bytes_of(7, bits) == n_bytes
