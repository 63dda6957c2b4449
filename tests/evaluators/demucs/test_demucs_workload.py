"""Counts: what was published comes out exactly, every term of it by name; shares of time weigh what runs."""

from __future__ import annotations

from collections import defaultdict

import pytest
from demucs_cases import MIXED, ROUTER, SHAPES, TINY, UPSAMPLED, tiny, tiny_router

from cost_models import peak_ram_bytes, workload_costs
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.schedules import uniform
from evaluators.demucs.shape import PRESETS, DemucsShape
from evaluators.demucs.slices import sliced
from evaluators.demucs.workload import UTILIZATION, activity_of, demucs_workload, routed_workload, share_name

PAPER = PRESETS["paper"]


@pytest.mark.parametrize(("uf", "macs"), [(0.125, 8944), (0.25, 15664), (0.5, 29104), (1.0, 55984)])
def test_published_macs_per_sample(uf: float, macs: int) -> None:
    assert workload_costs(demucs_workload(PAPER, uniform(PAPER, uf), 8))["macs_per_sample"] == macs


def test_every_term_of_the_constant_has_a_name() -> None:
    terms: dict[str, float] = defaultdict(float)
    for op in demucs_workload(PAPER, uniform(PAPER, 1.0), 8).operators:
        terms[op.name.rstrip("0123456789").rstrip(".")] += op.macs / PAPER.step_samples
    blocks = {name: terms.pop(name) for name in list(terms) if name.startswith(("encoder", "decoder"))}
    assert sum(blocks.values()) == 53_760
    assert {name: value for name, value in terms.items() if value} == {
        # 4 GRUs of 3 * 128 * (128 + 128) every 256 samples; 7 operations for each of 512 units
        "bottleneck.gru": 1536,
        "bottleneck.gates": 14,
        # 112 taps for a sample at 16 kHz, and for two at 32 kHz; up and down
        "upsample": 336,
        "downsample": 336,
        "input.divide_by_level": 1,
        "output.return_to_level": 1,
    }


def test_published_parameters() -> None:
    ops = demucs_workload(PAPER, uniform(PAPER, 1.0), 8).operators
    blocks = [op for op in ops if op.name.startswith(("encoder", "decoder"))]
    assert sum(op.weight_count + op.constant_count for op in blocks) == 4_187_969
    # And 4 GRUs of 3 * (128 * 256 + 2 * 128)
    assert workload_costs(demucs_workload(PAPER, uniform(PAPER, 1.0), 8))["parameters"] == 4_187_969 + 396_288


@pytest.mark.parametrize("shape", SHAPES, ids=["tiny", "upsampled"])
def test_parameters_are_those_of_the_slices(shape: DemucsShape) -> None:
    network = tiny(shape)
    for schedule in (MIXED[shape], uniform(shape, 1.0)):
        cut = sliced(network, schedule)
        blocks = [*cut.encoder, *cut.decoder]
        n = sum(t.numel() for block in blocks for t in vars(block).values())
        n += sum(p.numel() for unit in network.units for p in unit.parameters())
        assert workload_costs(demucs_workload(shape, schedule, 8))["parameters"] == n
    assert n == sum(p.numel() for p in network.parameters())


def test_the_router_is_counted() -> None:
    shape, paper_router = PAPER, RouterShape()
    costs = workload_costs(routed_workload(shape, paper_router, 8))
    # 16 filters of 64 taps every 32 samples; every 256: inputs 16 * 48, ten operations a unit, logits 16 * 4
    router = 16 * 64 / 32 + (16 * 48 + 10 * 16 + 16 * 4) / 256
    assert costs["macs_per_sample"] == 55984 + router
    of_router = sum(p.numel() for p in tiny_router(TINY).parameters())
    static = workload_costs(demucs_workload(TINY, uniform(TINY, 1.0), 8))
    assert workload_costs(routed_workload(TINY, ROUTER, 8))["parameters"] - static["parameters"] == of_router


def test_shares_of_time_weigh_what_runs() -> None:
    activity = activity_of(PAPER, [30, 0, 10, 10])
    assert activity[share_name(0.125)] == 0.6
    # 0.6 * 0.125 + 0.2 * 0.5 + 0.2 * 1
    assert activity[UTILIZATION] == pytest.approx(0.375)
    routed = workload_costs(routed_workload(PAPER, RouterShape(), 8, activity))
    worst = workload_costs(routed_workload(PAPER, RouterShape(), 8))
    assert worst["macs_per_sample"] - routed["macs_per_sample"] == pytest.approx(53_760 * (1 - 0.375))
    assert routed["macs_worst"] == worst["macs"]
    assert routed["peak_ram_bytes"] == worst["peak_ram_bytes"]


def test_costs_never_fall_as_a_factor_rises() -> None:
    for index in range(len(UPSAMPLED.blocks)):
        costs = []
        for uf in UPSAMPLED.ufs:
            schedule = tuple(uf if k == index else 0.5 for k in range(len(UPSAMPLED.blocks)))
            costs.append(workload_costs(demucs_workload(UPSAMPLED, schedule, 8)))
        for name in ("macs", "parameters", "model_bytes", "peak_ram_bytes"):
            values = [cost[name] for cost in costs]
            assert values == sorted(values)


def test_memory_by_hand() -> None:
    # A step is one frame of 4 channels.
    shape = DemucsShape(hidden=4, depth=1, groups=1, upsampling=1)
    for uf, n in ((0.25, 1), (1.0, 4)):
        # Past, rest and state of 4 each all the time. While the decoder mixes: its input of 4, the skip of 4 added to
        # it, and both halves of n. While it convolves: n, 8 taps of one frame, and 4 samples.
        assert peak_ram_bytes(demucs_workload(shape, uniform(shape, uf), 8)) == 12 + max(8 + 2 * n, n + 12)


def test_delays() -> None:
    # 168 samples of four resamplers and a step of 256, of 16 samples a millisecond
    assert PAPER.delay_ms == 26.5
    assert PRESETS["small"].delay_ms == 16
    assert all(preset.step_samples == 256 for preset in PRESETS.values())
