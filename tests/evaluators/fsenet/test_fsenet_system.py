"""The system as a whole: options, preparation kept and found again, evaluation, export, and its studies."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from cost_models import workload_costs
from evaluators.errors import SystemSpecError
from evaluators.fsenet.shape import PRESETS
from evaluators.fsenet.system import ConvFsenetSystem
from evaluators.illustrations import Sound, Steps, illustration_error
from evaluators.onnx_graph import run_onnx
from evaluators.registry import create_system
from evaluators.system import Context
from search.study import Study
from spaces import UserError

STUDIES = Path(__file__).parents[3] / "studies"
BLOCKS = PRESETS["small"].blocks


def system_of(recordings: Path, **changes: Any) -> ConvFsenetSystem:
    options = {
        "bottleneck": 16,
        "hidden": 8,
        "data": {
            "clean": str(recordings / "clean"),
            "noise": str(recordings / "noise"),
            "calibration_clips": 6,
            **{f"{split}_clips": 3 for split in ("validation", "test")},
        },
        "training": {"epochs": 1, "gate_epochs": 1, "updates_per_epoch": 4, "batch_size": 2},
        "targets": [0.5, 0.25],
        "scores": ["si_sdr_db"],
        **changes,
    }
    system = create_system("conv_fsenet", options, Path())
    assert isinstance(system, ConvFsenetSystem)
    return system


@pytest.fixture(scope="session")
def prepared(recordings: Path) -> ConvFsenetSystem:
    system = system_of(recordings)
    system.prepare(Context(recordings.parent / "prepared-cache"))
    return system


def configuration(ratio: float, method: str = "dynamic", target: float = 0.5) -> Mapping[str, Any]:
    ratios = {f"pruning_ratios.{block}": ratio for block in BLOCKS}
    return {**ratios, "pruning.method": method, "router_targets.kept_share": target}


def test_what_is_prepared_is_found_again(recordings: Path, prepared: ConvFsenetSystem) -> None:
    again = system_of(recordings)
    again.prepare(Context(recordings.parent / "prepared-cache"))
    assert again.fingerprint() == prepared.fingerprint()
    chosen = [configuration(0.5)]
    assert again.evaluate(chosen, "validation") == prepared.evaluate(chosen, "validation")
    travelled = pickle.loads(pickle.dumps(prepared))
    assert travelled.evaluate(chosen, "validation") == prepared.evaluate(chosen, "validation")


def test_measurements_hold_scores_work_bytes_and_activity(prepared: ConvFsenetSystem) -> None:
    chosen = [configuration(0.0), configuration(0.5), configuration(0.5, target=0.25), configuration(0.5)]
    whole, half, other, again = prepared.evaluate(chosen, "validation")
    assert set(half.metrics) == set(prepared.metrics)
    for part, share in (("kept", 1.0), ("always_kept", 1.0), ("never_kept", 0.0)):
        assert {whole.activity[f"{part}.{block}"] for block in BLOCKS} == {share}
    assert len(half.activity) == 3 * len(BLOCKS)
    workload = prepared.workload(chosen[1], half.activity)
    assert half.metrics["mmacs_per_second"] == pytest.approx(62.5e-6 * workload_costs(workload)["macs"])
    for less in ("mmacs_per_second", "weight_mbytes_per_second"):
        assert half.metrics[less] < whole.metrics[less]
    assert half.standard_errors["si_sdr_db"] > 0
    assert half == again
    assert half.metrics != other.metrics, "another target is another network"


def test_a_candidate_does_not_depend_on_its_company(prepared: ConvFsenetSystem) -> None:
    chosen = [configuration(0.5), configuration(0.25), configuration(0.5, "static_scores")]
    assert prepared.evaluate(chosen, "test") == [prepared.evaluate([one], "test")[0] for one in chosen]


@pytest.mark.parametrize("method", ["static_scores", "static_magnitudes", "dense_magnitudes"])
def test_static_pruning_keeps_the_share_asked_for(prepared: ConvFsenetSystem, method: str) -> None:
    (found,) = prepared.evaluate([configuration(0.75, method)], "test")
    assert {found.activity[f"kept.{block}"] for block in BLOCKS} == {0.25}
    assert {found.activity[f"always_kept.{block}"] for block in BLOCKS} == {0.25}
    assert {found.activity[f"never_kept.{block}"] for block in BLOCKS} == {0.75}


def test_targets_that_training_did_not_reach_are_told(prepared: ConvFsenetSystem) -> None:
    facts = prepared.facts()
    # Four updates reach nothing.
    assert facts["kept_share_reached"]["0.25"] > 0.5
    (told,) = [line for line in facts["targets_missed"] if "0.25" in line]
    assert told.startswith("gates trained to keep a share of 0.25 keep 0.")


def test_references_are_static_pruning_at_equal_ratios(prepared: ConvFsenetSystem) -> None:
    found = {reference.label: reference for reference in prepared.references("validation")}
    assert list(found) == ["noisy", "dense network", *(f"static, {r:g} pruned" for r in (0.25, 0.5, 0.75, 0.9))]
    (expected,) = prepared.evaluate([configuration(0.75, "static_scores")], "validation")
    assert found["static, 0.75 pruned"].measurement == expected
    dense = workload_costs(prepared.workload(configuration(0.0, "dense_magnitudes")))
    assert found["dense network"].costs == dense
    assert found["noisy"].measurement.metrics["mmacs_per_second"] == 0


def test_illustrations_are_sounds_and_shares_kept_over_time(prepared: ConvFsenetSystem) -> None:
    found = prepared.illustrate([configuration(0.0), configuration(0.5, "static_scores")])
    assert all(illustration_error(item, 2) is None for item in found)
    sounds = [item for item in found if isinstance(item, Sound)]
    # Three clips: noisy, clean, and by each configuration.
    assert [sound.of for sound in sounds] == [None, None, 0, 1] * 3
    steps = [item for item in found if isinstance(item, Steps)]
    assert [item.of for item in steps] == [0] * len(BLOCKS), "fixed channels do not change over time"
    assert {item.levels[value] for item in steps for value in item.values} == {"100 % kept"}


def test_a_static_export_is_smaller_and_says_which_channels(prepared: ConvFsenetSystem, tmp_path: Path) -> None:
    prepared.export(configuration(0.75, "static_scores"), tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    for block in BLOCKS:
        assert weights[f"{block}.contract.weight"].shape == (4, 8)
        assert len(weights[f"{block}.channels"]) == 4
    assert not [name for name in weights if ".gate." in name]
    costs = workload_costs(prepared.workload(configuration(0.75, "static_scores")))
    assert sum(v.size for name, v in weights.items() if not name.endswith("channels")) == costs["parameters"]
    gains, expected = by_onnx(tmp_path)
    np.testing.assert_allclose(gains, expected, atol=1e-4)
    n_static_bytes = (tmp_path / "network.onnx").stat().st_size
    prepared.export(configuration(0, "static_scores"), tmp_path)
    assert n_static_bytes < (tmp_path / "network.onnx").stat().st_size


def by_onnx(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Gains of the test vectors by the exported ONNX file, and those expected."""
    vectors = load_file(folder / "test_vectors.safetensors")
    power = vectors["real"] ** 2 + vectors["imaginary"] ** 2
    features = np.log10(np.maximum(power, 1e-12))[None].astype(np.float32)
    found = run_onnx((folder / "network.onnx").read_bytes(), {"features": features}, ["gains"])
    return found["gains"][0], vectors["gains"]


def test_a_dynamic_export_can_be_run_from_its_files_alone(prepared: ConvFsenetSystem, tmp_path: Path) -> None:
    prepared.export(configuration(0.5), tmp_path)
    weights = {name: torch.from_numpy(v) for name, v in load_file(tmp_path / "weights.safetensors").items()}
    description = json.loads((tmp_path / "network.json").read_text())
    vectors = load_file(tmp_path / "test_vectors.safetensors")

    def layer(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    power = torch.from_numpy(vectors["real"] ** 2 + vectors["imaginary"] ** 2)
    x = layer("front", power.clamp_min(1e-12).log10()).relu()
    for k, block in enumerate(description["blocks"]):
        name, dilation = block["name"], block["dilation"]
        averaged = torch.stack([x[max(t - 4, 0) : t + 1].sum(dim=0) / 5 for t in range(len(x))])
        excited = layer(f"{name}.gate.squeeze", averaged).relu() @ weights[f"{name}.gate.excite.weight"].T
        kept = excited + weights[f"{name}.gate.scores"] > block["kept_above_score"]
        assert (kept.numpy() == vectors["kept"][k]).mean() > 0.999
        hidden = layer(f"{name}.expand", x).relu()
        past = torch.cat([torch.zeros(2 * dilation, hidden.shape[1]), hidden])
        taps = weights[f"{name}.taps.weight"]
        filtered = sum(taps[j] * past[j * dilation : j * dilation + len(x)] for j in range(3))
        x = x + layer(f"{name}.contract", (filtered + weights[f"{name}.taps.bias"]).relu()) * kept
    np.testing.assert_allclose(layer("back", x).sigmoid().numpy(), vectors["gains"], atol=1e-4)
    gains, expected = by_onnx(tmp_path)
    assert (np.abs(gains - expected) < 1e-4).mean() > 0.999


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"preset": "huge"}, "huge"),
        ({"targets": []}, r"\[\] is not possible"),
        ({"targets": [0]}, "0 is not possible"),
        ({"targets": [1.5]}, r"1\.5 is not possible"),
        ({"gating": "sometimes"}, "sometimes"),
        ({"training": {"target_weight": 0}}, "0 is not possible"),
    ],
)
def test_wrong_options_are_told(options: Mapping[str, Any], told: str) -> None:
    with pytest.raises(SystemSpecError, match=told):
        create_system("conv_fsenet", options, Path())


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ('pruning_ratios: {blocks: "*", choices: [0, 1]}', r"pruning_ratios.*1.*0 to 0\.99"),
        ('pruning_ratios: {blocks: "*", choices: [-0.1, 0.5]}', r"-0\.1.*0 to 0\.99"),
        ('pruning_ratios: {blocks: "stack3_block0", choices: [0, 0.5]}', r"stack3_block0"),
    ],
)
def test_ratios_and_blocks_that_there_are_not(tmp_path: Path, space: str, told: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        f"name: s\nsystem: {{name: conv_fsenet}}\nspace:\n  {space}\nobjectives: [pesq, macs]\n"
        "optimizer: {name: random, seed: 0}\nbudget: {trials: 2}\n"
    )
    with pytest.raises(UserError, match=f"(?s){told}"):
        Study.from_yaml(path)


@pytest.mark.parametrize("name", ["pruning_ratios", "pruning_ratios_paper", "pruning_ratios_voicebank"])
def test_the_studies_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    study = Study.from_yaml(STUDIES / f"{name}.yaml")
    assert [p.name for p in study.space.searched][:9] == [f"pruning_ratios.{block}" for block in BLOCKS]


def test_the_study_of_the_published_size_costs_what_was_published() -> None:
    study = Study.from_yaml(STUDIES / "pruning_ratios_paper.yaml")
    unpruned = {f"pruning_ratios.{block}": 0 for block in BLOCKS}
    report = study.costs(study.configuration(unpruned))
    gates = sum(op.macs for op in report.operators if ".gate_" in op.name)
    assert report.costs["macs"] - gates == 662_528
    assert gates == 9 * 2 * 128 * 8
