"""Counts of the published network, and what fewer bits save."""

from __future__ import annotations

from pathlib import Path

import pytest

from cost_models import workload_costs
from evaluators.quality.shape import PRESETS
from evaluators.quality.widths import Widths
from evaluators.quality.workload import quality_costs, quality_workload
from search.study import Study
from spaces import UserError

PAPER = PRESETS["paper"]
STUDIES = Path(__file__).parents[3] / "studies"
BINARY, FLOAT = Widths.uniform(PAPER, 1, 8), Widths.uniform(PAPER, 32, 32)


def test_the_maps_are_those_published() -> None:
    # 5 s in frames of 640 samples every 320: (80000 - 640) / 320 + 1
    assert (PAPER.n_frames, PAPER.n_bands) == (249, 120)
    sizes = [layer.map_elements for layer in PAPER.convolutions]
    # 249*120*32, 124*60*32, 62*30*32, 31*15*64
    assert sizes == [956_160, 238_080, 59_520, 29_760]
    assert sum(sizes) == 1_283_520


def test_the_published_counts_come_out_exactly() -> None:
    costs = workload_costs(quality_workload(PAPER, BINARY))
    # 320 + 9248 + 9248 + 18496, and 2 * 4160 + 65
    assert costs["parameters"] == 45_697
    own = quality_costs(PAPER, BINARY)
    # 956160*9 + 238080*288 + 59520*288 + 29760*288
    assert own["conv_macs"] == 8_605_440 + 68_567_040 + 17_141_760 + 8_570_880 == 102_885_120
    # The first convolution reads features, the last two dense layers float vectors: 64*64 + 64.
    assert own["multiply_accumulates"] == 8_605_440 + 64 * 64 + 64
    assert own["conditional_sums"] == 68_567_040 + 17_141_760 + 8_570_880 + 64 * 64
    assert own["multiply_accumulates"] + own["conditional_sums"] == costs["macs"]


def test_memory_falls_25_fold() -> None:
    in_float = quality_costs(PAPER, FLOAT)["memory_all_maps_bytes"]
    binary = quality_costs(PAPER, BINARY)["memory_all_maps_bytes"]
    assert in_float == 4 * (1_283_520 + 45_697) == 5_316_868
    assert binary == 1_283_520 // 8 + 45_697 == 206_137
    assert in_float / binary == pytest.approx(25.8, abs=0.05)


def test_the_peak_is_the_largest_pair_of_live_tensors() -> None:
    # The first map and its pooled form in floating point; packed, the first map and the 8-bit features.
    assert workload_costs(quality_workload(PAPER, FLOAT))["peak_ram_bytes"] == 4 * (956_160 + 238_080)
    assert workload_costs(quality_workload(PAPER, BINARY))["peak_ram_bytes"] == 956_160 // 8 + 249 * 120


@pytest.mark.parametrize("part", ["maps", "weights"])
def test_memory_never_falls_as_bits_rise(part: str) -> None:
    memory = []
    for bits in (*range(1, 9), 32):
        widths = Widths.uniform(PAPER, bits, 8) if part == "maps" else Widths.uniform(PAPER, 4, bits)
        memory.append(quality_costs(PAPER, widths)["memory_all_maps_bytes"])
    assert memory == sorted(set(memory))


def test_widths_and_configurations_are_inverse() -> None:
    widths = Widths((1, 2, 3, 32), (8, 7, 6, 5, 4, 3, 2))
    assert Widths.of(widths.configuration(PAPER), PAPER) == widths


def test_the_study_of_the_published_size_costs_what_was_published() -> None:
    study = Study.from_yaml(STUDIES / "bam_bits_paper.yaml")
    chosen = {"bit_widths.activation.*": 1, "bit_widths.weight.*": 8}
    costs = study.costs(study.configuration(chosen)).costs
    assert (costs["memory_all_maps_bytes"], costs["parameters"]) == (206_137, 45_697)
    assert costs["cycles"] > 0


@pytest.mark.parametrize("bits", [0, 9, 16, 33])
def test_bits_that_there_are_not(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: s\nsystem: {name: quality_predictor}\n"
        f"space: {{bit_widths: {{operators: 'activation.*', choices: [1, {bits}]}}}}\n"
        "objectives: [pearson, memory_all_maps_bytes]\noptimizer: {name: random, seed: 0}\nbudget: {trials: 2}\n"
    )
    with pytest.raises(UserError, match=rf"(?s){bits}.*1, 2, 3, 4, 5, 6, 7, 8, 32"):
        Study.from_yaml(path)
