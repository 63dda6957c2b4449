"""The system as a whole: options, preparation kept and found again, evaluation, and its studies."""

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
from torch import nn

from cost_models import workload_costs
from evaluators.demucs.inference import Prepared
from evaluators.demucs.shape import PRESETS
from evaluators.demucs.system import SlimmableDemucs
from evaluators.errors import EvaluationError, SystemSpecError
from evaluators.illustrations import Sound, Steps, illustration_error
from evaluators.onnx_graph import run_onnx
from evaluators.registry import create_system
from evaluators.system import Context
from search.study import Study
from spaces import UserError

STUDIES = Path(__file__).parents[3] / "studies"
BLOCKS = ("encoder1", "encoder2", "encoder3", "decoder3", "decoder2", "decoder1")


def system_of(recordings: Path, **changes: Any) -> SlimmableDemucs:
    options = {
        "hidden": 4,
        "depth": 3,
        "router_units": 4,
        "data": {
            "clean": str(recordings / "clean"),
            "noise": str(recordings / "noise"),
            **{f"{split}_clips": 3 for split in ("calibration", "validation", "test")},
            "mixing": {"crop_seconds": 0.5},
        },
        "training": {
            "epochs": 1,
            "router_epochs": 1,
            "joint_epochs": 1,
            "updates_per_epoch": 2,
            "batch_size": 4,
        },
        "scores": ["si_sdr_db"],
        **changes,
    }
    system = create_system("slimmable_demucs", options, Path())
    assert isinstance(system, SlimmableDemucs)
    return system


@pytest.fixture(scope="session")
def prepared(recordings: Path) -> SlimmableDemucs:
    system = system_of(recordings)
    system.prepare(Context(recordings.parent / "demucs-cache"))
    return system


@pytest.fixture(scope="session")
def routed(recordings: Path, prepared: SlimmableDemucs) -> SlimmableDemucs:
    system = system_of(recordings, control="router", targets=[0.5], gammas=[0.1, 0])
    system.prepare(Context(recordings.parent / "demucs-cache"))
    return system


def schedule(uf: float, **others: float) -> Mapping[str, Any]:
    return {f"uf_schedules.{block}": others.get(block, uf) for block in BLOCKS}


def leaning(bias: float, gamma: float = 0.1) -> Mapping[str, Any]:
    return {
        "router_targets.utilization": 0.5,
        "router_targets.beta": 1.0,
        "router_targets.gamma": gamma,
        "router_targets.bias": bias,
    }


def test_what_is_prepared_is_found_again(recordings: Path, prepared: SlimmableDemucs) -> None:
    again = system_of(recordings)
    again.prepare(Context(recordings.parent / "demucs-cache"))
    assert again.fingerprint() == prepared.fingerprint()
    chosen = [schedule(0.5)]
    assert again.evaluate(chosen, "validation") == prepared.evaluate(chosen, "validation")
    travelled = pickle.loads(pickle.dumps(prepared))
    assert travelled.evaluate(chosen, "validation") == prepared.evaluate(chosen, "validation")


def test_schedules_are_measured_in_any_company(prepared: SlimmableDemucs) -> None:
    chosen = [schedule(1.0), schedule(0.25, encoder2=1.0), schedule(1.0, decoder1=0.125)]
    found = prepared.evaluate([*chosen, chosen[0]], "test")
    assert list(found[:3]) == [prepared.evaluate([one], "test")[0] for one in chosen]
    assert found[3] == found[0]
    assert len({measured.metrics["si_sdr_db"] for measured in found}) == 3
    for configuration, measured in zip(chosen, found, strict=False):
        macs = workload_costs(prepared.workload(configuration))["macs_per_sample"]
        assert measured.metrics["mmacs_per_second"] == pytest.approx(macs * 16_000 / 1e6)
        assert measured.standard_errors["si_sdr_db"] > 0


def test_routers_are_measured_with_the_share_of_time_at_each_factor(routed: SlimmableDemucs) -> None:
    largest, smallest, as_trained = routed.evaluate([leaning(8), leaning(-8), leaning(0)], "validation")
    assert largest.activity["share.uf_1"] == 1.0
    assert smallest.activity["utilization"] == 0.125
    for measured in (largest, smallest, as_trained):
        assert sum(v for name, v in measured.activity.items() if name.startswith("share.")) == pytest.approx(1)
        costs = workload_costs(routed.workload(leaning(0), measured.activity))
        assert measured.metrics["mmacs_per_second"] == pytest.approx(costs["macs_per_sample"] * 0.016)


def test_routers_are_compared_with_the_backbone(prepared: SlimmableDemucs, routed: SlimmableDemucs) -> None:
    found = {reference.label: reference for reference in routed.references("validation")}
    assert list(found) == ["noisy", *(f"static UF {uf:g}" for uf in (0.125, 0.25, 0.5, 1))]
    (expected,) = prepared.evaluate([schedule(0.25)], "validation")
    assert found["static UF 0.25"].measurement == expected
    assert found["static UF 0.25"].costs == workload_costs(prepared.workload(schedule(0.25)))


def test_illustrations_are_sounds_and_factors_over_time(prepared: SlimmableDemucs, routed: SlimmableDemucs) -> None:
    found = [*routed.illustrate([leaning(8), leaning(0)])]
    assert all(illustration_error(item, 2) is None for item in found)
    sounds = [item for item in found if isinstance(item, Sound)]
    assert [sound.of for sound in sounds] == [None, None, 0, 1] * 3
    steps = [item for item in found if isinstance(item, Steps)]
    assert [item.of for item in steps] == [0, 1]
    assert set(steps[0].values) == {3}
    assert steps[0].levels[3] == "UF 1"
    of_schedule = prepared.illustrate([schedule(0.5)])
    assert [item.of for item in of_schedule if isinstance(item, Sound)] == [None, None, 0] * 3


def by_files(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """What PyTorch's layers make of exported files, nothing else known, and what they should; levels as described."""
    weights = {name: torch.from_numpy(v) for name, v in load_file(folder / "weights.safetensors").items()}
    description = json.loads((folder / "network.json").read_text())
    vectors = load_file(folder / "test_vectors.safetensors")
    sound, net = description["sound"], description["network"]
    step = sound["step_samples"]
    noisy = torch.from_numpy(vectors["noisy"])
    heard = nn.functional.pad(noisy, (0, -len(noisy) % step)).view(-1, step)
    level, levels = torch.zeros(()), []
    for k, of_step in enumerate(heard):
        level = level + (of_step.abs().mean() - level) / min(k + 1, sound["level_steps"])
        levels.append(level.clamp_min(sound["lowest_level"]))
    gains = torch.stack(levels)[:, None]
    x, skips = (heard / gains).reshape(1, 1, -1), []
    start = x
    depth = net["depth"]
    for block in description["blocks"][:depth]:
        name = block["name"]
        x = nn.functional.pad(x, (net["kernel"] - net["stride"], 0))
        x = nn.functional.conv1d(x, weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"], net["stride"]).relu()
        x = nn.functional.conv1d(x, weights[f"{name}.mix.weight"][..., None], weights[f"{name}.mix.bias"])
        x = nn.functional.glu(x, dim=1)
        skips.append(x)
    parts = []
    for k, part in enumerate(x.transpose(1, 2).chunk(net["groups"], dim=-1)):
        unit = nn.GRU(part.shape[-1], part.shape[-1], batch_first=True)
        unit.load_state_dict({n: weights[f"bottleneck.gru{k + 1}.{n.removesuffix('_l0')}"] for n in unit.state_dict()})
        parts.append(unit(part)[0])
    x = torch.cat(parts, dim=-1).transpose(1, 2)
    for k, block in enumerate(description["blocks"][depth:]):
        name = block["name"]
        x = nn.functional.conv1d(x + skips.pop(), weights[f"{name}.mix.weight"][..., None], weights[f"{name}.mix.bias"])
        n_frames, x = x.shape[-1], nn.functional.glu(x, dim=1)
        bias = weights[f"{name}.conv.bias"]
        x = nn.functional.conv_transpose1d(x, weights[f"{name}.conv.weight"], bias, net["stride"])
        x = x[..., : net["stride"] * n_frames]
        x = x if k == depth - 1 else x.relu()
    played = ((x + start).reshape(-1, step) * gains).flatten()[: len(noisy)]
    return played.detach().numpy(), vectors["played"]


def test_an_export_can_be_run_from_its_files_alone(prepared: SlimmableDemucs, tmp_path: Path) -> None:
    prepared.export(schedule(0.5, encoder2=0.125, decoder1=1.0), tmp_path)
    found, expected = by_files(tmp_path)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # ONNX at the network's rate and level, where this network adds its input to its output.
    noisy = torch.from_numpy(load_file(tmp_path / "test_vectors.safetensors")["noisy"])
    ready = Prepared.of(prepared._shape, noisy[None])
    content = (tmp_path / "network.onnx").read_bytes()
    output = run_onnx(content, {"input": ready.x.transpose(1, 2).numpy()}, ["output"])["output"]
    y = torch.from_numpy(output).transpose(1, 2) - (ready.x if prepared._shape.has_input_skip else 0)
    played = ready.sounds(prepared._shape, y, len(noisy))[0]
    np.testing.assert_allclose(played.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"upsampling": 2}])
def test_an_export_is_as_large_as_the_memory_model_says(
    recordings: Path, tmp_path: Path, options: Mapping[str, Any]
) -> None:
    system = system_of(recordings, bits=32, **options)
    system.prepare(Context(recordings.parent / "demucs-cache"))
    sizes = []
    for uf in (0.125, 1.0):
        system.export(schedule(uf), tmp_path)
        weights = load_file(tmp_path / "weights.safetensors")
        costs = workload_costs(system.workload(schedule(uf)))
        assert sum(v.nbytes for v in weights.values()) == costs["model_bytes"]
        assert sum(v.size for name, v in weights.items() if name != "taps") == costs["parameters"]
        sizes.append(costs["model_bytes"])
    assert sizes[0] < sizes[1]


def test_facts_tell_how_near_routers_came_to_their_targets(prepared: SlimmableDemucs, routed: SlimmableDemucs) -> None:
    assert "utilization_reached" not in prepared.facts()
    facts = routed.facts()
    names = ["0.5 (beta 1, gamma 0.1)", "0.5 (beta 1, gamma 0)"]
    assert list(facts["utilization_reached"]) == names
    for name, (aim, network) in zip(names, routed._prepared.routed.items(), strict=True):
        clips = routed._bench.data.evaluation["calibration"]
        chosen = [
            network.router(Prepared.of(routed._shape, torch.tensor(clips[k].noisy)[None]).leveled).argmax(dim=-1)[0]
            for k in range(len(clips))
        ]
        steps = [-(-len(clips[k].noisy) // routed._shape.step_samples) for k in range(len(clips))]
        ufs = torch.tensor(routed._shape.ufs)
        mean = torch.cat([ufs[c[:n]] for c, n in zip(chosen, steps, strict=True)]).mean().item()
        assert facts["utilization_reached"][name] == pytest.approx(mean, abs=1e-3)
        told = [line for line in facts.get("targets_missed", []) if name in line]
        assert bool(told) == (abs(mean - aim.utilization) > 0.05)


def test_a_routed_export_has_all_widths_and_its_router(routed: SlimmableDemucs, tmp_path: Path) -> None:
    routed.export(leaning(8), tmp_path)
    found, expected = by_files(tmp_path)  # by the largest factor, which this leaning chooses always
    np.testing.assert_allclose(found, expected, atol=1e-4)
    weights = load_file(tmp_path / "weights.safetensors")
    assert sum(v.size for v in weights.values()) == workload_costs(routed.workload(leaning(0)))["parameters"]
    assert set(load_file(tmp_path / "test_vectors.safetensors")["chosen"].tolist()) == {3}
    blocks = json.loads((tmp_path / "network.json").read_text())["blocks"]
    assert blocks[0]["kept_channels"] == {"0.125": 1, "0.25": 1, "0.5": 2, "1": 4}
    assert not (tmp_path / "network.onnx").exists()


def test_a_clip_shorter_than_a_step_is_told(prepared: SlimmableDemucs, recordings: Path) -> None:
    deep = system_of(recordings, depth=7, training={"epochs": 1, "updates_per_epoch": 1, "batch_size": 4}, hidden=2)
    deep.prepare(Context(recordings.parent / "demucs-cache"))
    with pytest.raises(EvaluationError, match=r"clip '.*' has 16000 samples; one step of the bottleneck takes 16384"):
        deep.evaluate([deep.knobs() and {f"uf_schedules.{b}": 1.0 for b in deep.knobs()["uf_schedules"]}], "test")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"preset": "huge"}, "huge"),
        ({"ufs": [0, 0.5]}, "utilization factor 0 is not above 0 and at most 1"),
        ({"ufs": [0.5, 1.5]}, r"utilization factor 1\.5 is not above 0 and at most 1"),
        ({"ufs": [0.5, 0.25]}, r"utilization factors must rise, got 0\.5, 0\.25"),
        ({"ufs": []}, "there must be a utilization factor"),
        ({"targets": [0]}, "0"),
        ({"targets": [1]}, "1"),
        ({"targets": []}, r"\[\] is not possible"),
        ({"gammas": [-1]}, "-1"),
        ({"kernel": 6}, "kernel 6 is no multiple of stride 4"),
        ({"upsampling": 3}, "upsampling 3 is no power of two"),
        ({"groups": 7}, "7 groups do not divide the 128 channels"),
        ({"training": {"batch_size": 2}}, "2"),
    ],
)
def test_wrong_options_are_told(options: Mapping[str, Any], told: str) -> None:
    with pytest.raises(SystemSpecError, match=told):
        create_system("slimmable_demucs", options, Path())


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ('uf_schedules: {blocks: "*", choices: [0.3, 1]}', r"uf_schedules.*0\.3.*0\.125, 0\.25, 0\.5, 1"),
        ("uf_schedules: {blocks: encoder9, choices: [0.5, 1]}", "encoder9"),
        ("router_targets: {settings: utilization, choices: [0.5]}", "router_targets"),
    ],
)
def test_factors_and_blocks_that_there_are_not(tmp_path: Path, space: str, told: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        f"name: s\nsystem: {{name: slimmable_demucs}}\nspace:\n  {space}\nobjectives: [pesq, macs_per_sample]\n"
        "optimizer: {name: random, seed: 0}\nbudget: {trials: 2}\n"
    )
    with pytest.raises(UserError, match=f"(?s){told}"):
        Study.from_yaml(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in STUDIES.glob("uf_schedules*.yaml")))
def test_the_studies_of_schedules_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    study = Study.from_yaml(STUDIES / f"{name}.yaml")
    blocks = PRESETS["paper" if "paper" in name else "small"].blocks
    assert [p.name for p in study.space.searched] == [f"uf_schedules.{block}" for block in blocks]


@pytest.mark.parametrize("name", ["router_targets", "router_targets_voicebank"])
def test_the_studies_of_routers_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    study = Study.from_yaml(STUDIES / f"{name}.yaml")
    assert {p.name for p in study.space.searched} == {f"router_targets.{n}" for n in ("utilization", "gamma", "bias")}


@pytest.mark.parametrize(("uf", "macs"), [(0.125, 8944), (0.25, 15664), (0.5, 29104), (1, 55984)])
def test_the_study_of_the_published_size_costs_what_was_published(uf: float, macs: int) -> None:
    study = Study.from_yaml(STUDIES / "uf_schedules_paper.yaml")
    assert study.costs(study.configuration({"uf_schedules.*": uf})).costs["macs_per_sample"] == macs


def test_a_mistake_in_the_space_makes_no_objective_unknown() -> None:
    mistaken = ["space.uf_schedules.choices=[0.3]"]
    with pytest.raises(UserError) as caught:
        Study.from_yaml(STUDIES / "uf_schedules.yaml", mistaken)
    assert [problem.message for problem in caught.value.problems] == ["0.3 UF is not what encoder1 takes"]
