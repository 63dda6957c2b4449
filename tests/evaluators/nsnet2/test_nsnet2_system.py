"""The system as a whole: options, preparation kept and found again, evaluation, export, and its study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from cost_models import workload_costs
from evaluators.errors import DataError, SystemSpecError
from evaluators.nsnet2.system import NsNet2Exits
from evaluators.registry import create_system
from evaluators.speech.signal_metrics import si_sdr_db
from evaluators.speech.stft import log_power
from evaluators.system import Context
from search.study import Study

STUDY = Path(__file__).parents[3] / "studies" / "nsnet2_exits.yaml"


def system_of(recordings: Path, **changes: Any) -> NsNet2Exits:
    options = {
        **{f"{layer}_units": 8 for layer in ("fc1", "gru", "fc2")},
        "data": {
            "clean": str(recordings / "clean"),
            "noise": str(recordings / "noise"),
            **{f"{split}_clips": 3 for split in ("calibration", "validation", "test")},
        },
        "training": {"epochs": 1, "updates_per_epoch": 3, "batch_size": 2},
        "scores": ["si_sdr_db"],
        **changes,
    }
    system = create_system("nsnet2_exits", options, Path())
    assert isinstance(system, NsNet2Exits)
    return system


@pytest.fixture
def prepared(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> NsNet2Exits:
    system = system_of(recordings)
    system.prepare(Context(recordings.parent / "prepared-cache"))
    return system


def configuration(placement: str, *thresholds: float) -> Mapping[str, Any]:
    named = {f"exit_thresholds.{e}": t for e, t in zip(("fc1", "gru1", "gru2"), thresholds, strict=True)}
    return {"exits.placement": placement, **named}


ALL = "fc1+gru1+gru2+final"


def test_what_is_prepared_is_found_again(recordings, prepared):
    again = system_of(recordings)
    again.prepare(Context(recordings.parent / "prepared-cache"))
    assert again.fingerprint() == prepared.fingerprint()
    chosen = [configuration(ALL, 0.5, 0.5, 0.5)]
    assert again.evaluate(chosen, "validation") == prepared.evaluate(chosen, "validation")
    other = system_of(recordings, scores=["si_sdr_db", "stoi"])
    other.prepare(Context(recordings.parent / "prepared-cache"))
    assert other.fingerprint() != prepared.fingerprint()


def test_measurements_hold_scores_work_and_activity(prepared):
    chosen = [configuration(ALL, 0.5, 0.5, 0.5), configuration(ALL, 0, 0.5, 0.5), configuration("fc1", 0.5, 0.5, 0.5)]
    dynamic, cut, fixed = prepared.evaluate(chosen, "validation")
    assert set(dynamic.metrics) == set(prepared.metrics) == {"si_sdr_db", "mmacs_per_second"}
    shares = list(dynamic.activity.values())
    assert shares[0] == 1 > shares[-1]
    assert shares == sorted(shares, reverse=True)
    macs = workload_costs(prepared.workload(chosen[0], dynamic.activity))["macs"]
    assert dynamic.metrics["mmacs_per_second"] == pytest.approx(62.5e-6 * macs)
    assert dynamic.standard_errors["si_sdr_db"] > 0
    # A threshold of 0 is the fixed exit.
    assert cut == fixed
    assert cut.activity == {"reach.fc1": 1.0, "reach.gru1": 0.0, "reach.gru2": 0.0, "reach.final": 0.0}


def test_a_share_of_the_data_is_its_first_clips(prepared):
    chosen = [configuration("final", 0.5, 0.5, 0.5)]
    (some,) = prepared.evaluate(chosen, "test", 0.3)
    assert "si_sdr_db" not in some.standard_errors, "one clip has no standard error"
    (whole,) = prepared.evaluate(chosen, "test")
    assert whole.metrics["si_sdr_db"] != some.metrics["si_sdr_db"]


def test_references_are_the_noisy_speech_smaller_networks_and_published_figures(recordings):
    published = [{"label": "other", "metrics": {"si_sdr_db": 9.5, "mmacs_per_second": 3.0}}]
    system = system_of(recordings, static_sizes=[4], references=published)
    system.prepare(Context(recordings.parent / "prepared-cache"))
    noisy, static, other = system.references("test")
    assert [noisy.label, static.label, other.label] == ["noisy", "static 4 units", "other"]
    assert noisy.measurement.metrics["mmacs_per_second"] == noisy.costs["macs"] == 0
    clips = [system._bench.data.evaluation["test"][k] for k in range(3)]
    expected = np.mean([si_sdr_db(clip.clean, clip.noisy) for clip in clips])
    assert noisy.measurement.metrics["si_sdr_db"] == pytest.approx(expected)
    assert [row["clip"] for row in noisy.measurement.clips] == [clip.name for clip in clips]
    # fc1 257 x 4, two GRUs of 2 x 3 x 4 x 4, fc2 to fc4: 4 x 4, 4 x 4, 4 x 257.
    assert static.costs["macs"] == 257 * 4 + 2 * 96 + 16 + 16 + 4 * 257
    assert other.measurement.metrics == {"si_sdr_db": 9.5, "mmacs_per_second": 3.0}
    assert [r.label for r in system.references("validation")] == ["noisy", "static 4 units"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"static_sizes": [0]},
        {"references": [{"label": "a"}]},
        {"references": [{"label": "a", "metrics": {"pesk": 2.0}}]},
        {"references": [{"label": "a", "metrics": {"pesq": "high"}}]},
    ],
)
def test_references_that_are_none_are_refused(recordings, wrong):
    with pytest.raises(SystemSpecError) as refused:
        system_of(recordings, **wrong)
    assert {problem.path[0] for problem in refused.value.problems} == set(wrong)


def test_an_export_holds_what_the_route_needs(prepared, tmp_path):
    prepared.export(configuration("fc1+gru1", 0.5, 0.5, 0.5), tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    layers = {name.rsplit(".", 1)[0] for name in weights}
    wanted = {"fc1.cell", "copies.fc1.cell", "copies.gru1.cell", "masks.fc1", "masks.gru1", "confidence.fc1"}
    assert layers == wanted
    stored = json.loads((tmp_path / "network.json").read_text())
    assert [entry["exit"] for entry in stored["exits"]] == ["fc1", "gru1"]
    vectors = load_file(tmp_path / "test_vectors.safetensors")
    # The first exit anew, from the files alone.
    x = log_power(torch.complex(*(torch.from_numpy(vectors[part]) for part in ("real", "imaginary"))))
    features = x @ torch.from_numpy(weights["copies.fc1.cell.weight"]).T + torch.from_numpy(
        weights["copies.fc1.cell.bias"]
    )
    scores = features.numpy() @ weights["confidence.fc1.weight"] + stored["exits"][0]["bias"]
    leaves = scores >= stored["exits"][0]["leaves_from_score"]
    np.testing.assert_array_equal(vectors["exits"], np.where(leaves, 0, 1))
    gains = 1 / (1 + np.exp(-(features.numpy() @ weights["masks.fc1.weight"].T + weights["masks.fc1.bias"])))
    np.testing.assert_allclose(vectors["gains"][leaves], gains[leaves], atol=1e-5)


def test_costs_need_no_preparation(recordings):
    system = create_system("nsnet2_exits", {"preset": "paper"}, Path())
    costs = workload_costs(system.workload(configuration("final", 0.5, 0.5, 0.5)))
    assert (costs["macs"], costs["parameters"]) == (2_777_000, 2_783_657)


def test_exits_are_put_in_order_and_chosen():
    system = create_system("nsnet2_exits", {"exits": ["gru2", "fc1"]}, Path())
    assert list(system.knobs()["exit_thresholds"]) == ["fc1", "gru2"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"preset": "huge"}, "huge"),
        ({"exits": ["fc2"]}, "fc2"),
        ({"scores": []}, r"\[\] is not possible"),
        ({"training": {"epochs": 0}}, "0 is not possible"),
        ({"bits": 4}, "4"),
        ({"training": {"kept_layers": ["gru1"]}}, r"kept_layers stay as `warm_start` gives them"),
    ],
)
def test_wrong_options_are_told(options, told):
    with pytest.raises(SystemSpecError, match=told):
        create_system("nsnet2_exits", options, Path())


def test_weights_to_start_from_must_fit(recordings, tmp_path):
    with pytest.raises(DataError, match=r"there is no such file"):
        system_of(recordings, warm_start=str(tmp_path / "none.npz")).prepare(Context(tmp_path))


def test_the_study_is_valid():
    study = Study.from_yaml(STUDY)
    assert [p.name for p in study.space.searched][:2] == ["exits.placement", "exit_thresholds.fc1"]
    labels = [label for label, _ in study.space.homogeneous()]
    assert {"fixed exit fc1", "fixed exit gru1", "fixed exit gru2", "fixed exit final", "exits fc1+final"} <= set(
        labels
    )


def test_the_study_of_the_published_size_costs_what_was_published():
    study = Study.from_yaml(STUDY.with_name("nsnet2_exits_paper.yaml"))
    costs = study.costs(study.configuration({"exits.placement": "final"})).costs
    assert (costs["macs"], costs["parameters"]) == (2_777_000, 2_783_657)
