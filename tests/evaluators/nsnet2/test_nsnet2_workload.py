"""Counts per frame: published sums, shares of frames, and what a route leaves out."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest
from nsnet2_cases import tiny

from cost_models import workload_costs
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.routes import Route, placements, route
from evaluators.nsnet2.shape import EARLY_EXITS, EXITS, PRESETS
from evaluators.nsnet2.workload import activity_of, nsnet2_workload, reach_of_activity

PAPER = PRESETS["paper"]
SMALL = replace(PRESETS["small"], exits=EARLY_EXITS)


def test_the_published_counts_come_out_exactly():
    workload = nsnet2_workload(replace(PAPER, exits=EARLY_EXITS), Route((), "final"), 8)
    assert [op.name for op in workload.operators] == ["fc1", "gru1", "gru2", "fc2", "fc3", "fc4"]
    cumulative = [102_800, 1_062_800, 2_022_800, 2_262_800, 2_622_800, 2_777_000]
    assert list(accumulate(op.macs for op in workload.operators)) == cumulative
    costs = workload_costs(workload)
    assert (costs["macs"], costs["macs_worst"], costs["parameters"]) == (2_777_000, 2_777_000, 2_783_657)
    assert not workload.is_dynamic


def test_expected_macs_by_hand():
    taken = Route((("fc1", 0.5),), "final")
    reach = {"fc1": 1.0, "gru1": 0.25, "gru2": 0.25, "final": 0.25}
    workload = nsnet2_workload(SMALL, taken, 8, reach)
    # Copy, head and, for 3 of 4 frames, mask; for the fourth all of the trunk:
    # 257*96 + 96 + 0.75*96*257 + 0.25*(257*96 + 2*6*96*96 + 96*144 + 144*144 + 144*257)
    assert workload_costs(workload)["macs"] == 24_672 + 96 + 18_504 + 0.25 * 206_832
    assert workload.is_dynamic


def test_without_split_layers_an_exit_costs_its_mask_and_its_head():
    shape = replace(SMALL, is_split=False)
    reach = {"fc1": 1.0, "gru1": 1.0, "gru2": 0.5, "final": 0.5}
    costs = workload_costs(nsnet2_workload(shape, Route((("gru1", 0.5),), "final"), 8, reach))
    # fc1 + gru1 + head + 0.5 * (mask + the rest)
    assert costs["macs"] == 24_672 + 55_296 + 96 + 0.5 * (24_672 + 206_832 - 24_672 - 55_296)


@pytest.mark.parametrize("is_split", [True, False])
@pytest.mark.parametrize("placement", placements(EARLY_EXITS))
def test_parameters_are_those_of_the_layers_that_are_run(is_split, placement):
    network = tiny(is_split=is_split)
    taken = route({"exits.placement": placement, **{f"exit_thresholds.{e}": 0.5 for e in EARLY_EXITS}})
    last = EXITS.index(taken.last)
    trunk = EARLY_EXITS[: last if is_split else last + 1]
    prefixes = [*(f"{s}." for s in trunk), *(f"{part}.{e}." for part in ("copies", "masks") for e in taken.exits)]
    prefixes += ["fc2.", "fc3.", "fc4."] if taken.last == "final" else []
    heads = sum(network.shape.n_features(exit_) + 1 for exit_, _ in taken.thresholds)
    run = sum(p.numel() for name, p in network.named_parameters() if name.startswith(tuple(prefixes)))
    workload = nsnet2_workload(network.shape, taken, 8)
    assert workload_costs(workload)["parameters"] == run + heads
    assert isinstance(network, NsNet2)


def test_work_lies_between_that_of_the_exits_and_the_worst_case():
    taken = Route((("fc1", 0.5), ("gru1", 0.5)), "final")
    activity = activity_of({"fc1": 60, "gru1": 30, "final": 10}, taken)
    assert activity == pytest.approx({"reach.fc1": 1.0, "reach.gru1": 0.4, "reach.gru2": 0.1, "reach.final": 0.1})
    costs = workload_costs(nsnet2_workload(SMALL, taken, 8, reach_of_activity(activity)))
    first = workload_costs(nsnet2_workload(SMALL, Route((), "fc1"), 8))["macs"]
    assert first < costs["macs"] < costs["macs_worst"]
    assert costs["macs_worst"] == workload_costs(nsnet2_workload(SMALL, taken, 8))["macs"]


def test_memory_by_hand():
    workload = nsnet2_workload(PAPER, Route((), "final"), 8)
    # States of both GRUs, old and new, and the most that is live beside them: both vectors of fc4.
    assert workload_costs(workload)["peak_ram_bytes"] == 4 * 400 + 600 + 600
