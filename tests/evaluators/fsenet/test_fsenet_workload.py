"""Counts per frame: published sums, what pruning saves, what gates cost, and what is fetched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cost_models import workload_costs
from evaluators.fsenet.pruning import METHODS, Pruning
from evaluators.fsenet.shape import PRESETS
from evaluators.fsenet.workload import activity_of, fsenet_workload, weight_bytes_per_inference

PAPER = PRESETS["paper"]


def uniform(ratio: float, method: str = "dynamic") -> Pruning:
    return Pruning(method, 0.25, (ratio,) * 9)  # type: ignore[arg-type]


def test_the_published_counts_come_out_exactly() -> None:
    workload = fsenet_workload(PAPER, uniform(0, "dense_magnitudes"), 8)
    macs = {op.name: op.macs for op in workload.operators}
    assert sum(macs.values()) == workload_costs(workload)["macs"] == 662_528
    assert macs["front"] == macs["back"] == 32_896
    # 128*256 + 3*256 + 256*128
    assert sum(n for name, n in macs.items() if name.startswith("stack1_block2")) == 66_304


def test_gates_are_operators_of_their_own() -> None:
    workload = fsenet_workload(PAPER, uniform(0), 8)
    gates = [op.macs for op in workload.operators if ".gate_" in op.name]
    # 128*8 + 8*128 in nine blocks
    assert sum(gates) == 9 * 2_048
    assert workload_costs(workload)["macs"] == 662_528 + 9 * 2_048
    assert not workload.is_dynamic


def test_a_quarter_kept_saves_what_was_derived() -> None:
    activity = activity_of(PAPER, [[0.25] * 128] * 9)
    workload = fsenet_workload(PAPER, uniform(0.75), 8, activity)
    costs = workload_costs(workload)
    # 0.75 * 128*256 of nine blocks: 221,184 of 662,528, 33.4 %; less 18,432 for the gates: 30.6 % net
    assert costs["macs"] == 662_528 - 221_184 + 18_432
    assert pytest.approx(0.334, abs=5e-4) == 221_184 / 662_528
    assert 1 - costs["macs"] / 662_528 == pytest.approx(0.306, abs=5e-4)
    assert workload.is_dynamic
    assert costs["macs_worst"] == 662_528 + 18_432


@pytest.mark.parametrize("method", METHODS[1:])
def test_static_pruning_leaves_filters_out(method: str) -> None:
    workload = fsenet_workload(PAPER, uniform(0.75, method), 8)
    costs = workload_costs(workload)
    assert costs["macs"] == costs["macs_worst"] == 662_528 - 221_184
    dense = workload_costs(fsenet_workload(PAPER, uniform(0, method), 8))
    # 96 filters of 256 weights, a byte each, and 12 bytes for bias, multiplier and shift, in nine blocks
    assert dense["model_bytes"] - costs["model_bytes"] == 9 * 96 * (256 + 12)


def test_channels_kept_always_sometimes_and_never() -> None:
    shape = replace(PAPER, n_stacks=1, dilations=(1,))
    activity = activity_of(shape, [[1.0, 1.0, 0.5, 0.0]])
    expected = {"kept.stack0_block0": 0.625, "always_kept.stack0_block0": 0.5, "never_kept.stack0_block0": 0.25}
    assert activity == expected


def test_bytes_fetched_follow_the_channels_kept() -> None:
    whole = fsenet_workload(PAPER, uniform(0), 8)
    quarter = fsenet_workload(PAPER, uniform(0.75), 8, activity_of(PAPER, [[0.25] * 128] * 9))
    saved = weight_bytes_per_inference(whole) - weight_bytes_per_inference(quarter)
    assert saved == 9 * 0.75 * 128 * (256 + 12)
    assert weight_bytes_per_inference(whole) == workload_costs(whole)["model_bytes"]


def test_gates_without_input_cost_nothing() -> None:
    workload = fsenet_workload(replace(PAPER, gating="static"), uniform(0.75), 8)
    assert workload_costs(workload)["macs"] == 662_528 - 221_184
    assert not workload.is_dynamic


def test_looking_ahead_takes_memory() -> None:
    ahead = fsenet_workload(replace(PAPER, is_causal=False), uniform(0), 8)
    # dilations 1 + 2 + 4 in three stacks, 128 channels that wait
    difference = (
        workload_costs(ahead)["peak_ram_bytes"]
        - workload_costs(fsenet_workload(PAPER, uniform(0), 8))["peak_ram_bytes"]
    )
    assert difference == 21 * 128
