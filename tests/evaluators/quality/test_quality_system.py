"""The system as a whole: preparation, evaluation, references, export and what it predicts, and its studies."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from quality_cases import features, network
from safetensors.numpy import load_file

from cost_models import workload_costs
from evaluators.data import SPLITS
from evaluators.errors import DataError, EvaluationError, SystemSpecError
from evaluators.illustrations import Predictions, illustration_error
from evaluators.onnx_graph import run_onnx
from evaluators.progress import Progress, Silent
from evaluators.quality import examples
from evaluators.quality.examples import LabelledData
from evaluators.quality.exported import load_export
from evaluators.quality.frontend import features_of, mel_filters
from evaluators.quality.label_store import LabelledExamples
from evaluators.quality.preparation import prepare_data
from evaluators.quality.shape import PRESETS
from evaluators.quality.system import QualityPredictor
from evaluators.quality.trainer import Examples, Phase, QualityTrainer, Teacher, correlation, varied
from evaluators.quality.training_options import TrainingOptions
from evaluators.quality.widths import Widths
from evaluators.registry import create_system
from evaluators.system import Context
from search.study import Study

STUDIES = Path(__file__).parents[3] / "studies"
SMALL = PRESETS["small"]
TRAINING = {"epochs": 2, "fine_tuning_epochs": 1, "batch_size": 4}


def part(seed: int, n: int) -> LabelledExamples:
    """Noises whose label rises with their loudness."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(1, 4, n).astype(np.float32)
    sounds = rng.standard_normal((n, 80_000)).astype(np.float32) * 0.001 * np.exp(labels)[:, None]
    return LabelledExamples(sounds.astype(np.float32), labels, tuple(f"{seed}-{k}" for k in range(n)))


@pytest.fixture(scope="session")
def data() -> LabelledData:
    parts = {split: part(k, n) for k, (split, n) in enumerate(zip(SPLITS, (12, 4, 8, 8), strict=True))}
    return LabelledData(parts, "noises of different loudness", "none", "all", "training")


@pytest.fixture(scope="session")
def prepared(data: LabelledData, tmp_path_factory: pytest.TempPathFactory) -> QualityPredictor:
    return system_with(data, tmp_path_factory.getbasetemp() / "quality-cache")


class Titles(Silent):
    """Progress of which only the titles are kept."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.seen.append(title)


def system_with(data: LabelledData, cache: Path, progress: Progress | None = None, **training: Any) -> QualityPredictor:
    """A prepared system that learns from given data."""
    system = create_system("quality_predictor", {"training": {**TRAINING, **training}}, Path())
    assert isinstance(system, QualityPredictor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "load_labelled_data", lambda options, context: data)
        system.prepare(Context(cache, progress or Silent()))
    return system


def uniform(maps: int, weights: int) -> dict[str, Any]:
    return dict(Widths.uniform(SMALL, maps, weights).configuration(SMALL))


def test_what_is_prepared_is_found_again_and_travels(data: LabelledData, prepared: QualityPredictor) -> None:
    chosen = [uniform(32, 32), uniform(4, 4), uniform(1, 8)]
    found = prepared.evaluate(chosen, "validation")
    again = pickle.loads(pickle.dumps(prepared))
    assert again.fingerprint() == prepared.fingerprint()
    assert again.evaluate(chosen, "validation") == found
    assert [prepared.evaluate([one], "validation")[0] for one in chosen] == found
    assert len({m.metrics["mse"] for m in found}) == 3


def test_all_that_takes_long_before_a_search_shows_its_progress(data: LabelledData, tmp_path: Path) -> None:
    titles = Titles()
    system = system_with(data, tmp_path, titles)
    assert titles.seen == ["training", "fine-tuning"]
    system.references("validation")
    system_with(data, tmp_path, titles)
    assert titles.seen == ["training", "fine-tuning"]


@pytest.mark.parametrize(
    "change", [{"fine_tuning_epochs": 2}, {"distillation": 0.5}, {"fine_tuned_map_bits": 2}, {"epochs": 1}]
)
def test_what_decides_a_measurement_decides_the_fingerprint(
    data: LabelledData, prepared: QualityPredictor, change: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = system_with(data, tmp_path_factory.getbasetemp() / "quality-cache", **change)
    assert other.fingerprint() != prepared.fingerprint()


def test_measurements_hold_agreement_with_standard_errors(prepared: QualityPredictor) -> None:
    (found,) = prepared.evaluate([uniform(32, 32)], "test")
    assert set(found.metrics) == set(found.standard_errors) == {"pearson", "spearman", "mse"}
    (half,) = prepared.evaluate([uniform(32, 32)], "test", fidelity=0.5)
    assert half.metrics != found.metrics


def test_a_predictor_that_says_one_thing_only_is_no_failure(prepared: QualityPredictor) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "_predict", lambda *_: [np.full(8, 2.0, np.float32)])
        (found,) = prepared.evaluate([uniform(32, 32)], "test")
    assert found.metrics["pearson"] == found.metrics["spearman"] == 0
    assert found.metrics["mse"] > 0


def test_references_are_float_and_the_25_fold_point(prepared: QualityPredictor) -> None:
    in_float, binary = prepared.references("test")
    (expected,) = prepared.evaluate([uniform(1, 8)], "test")
    assert binary.measurement == expected
    memory = [one.costs["memory_all_maps_bytes"] for one in (in_float, binary)]
    # Maps of 125*32*8, 62*16*16, 31*8*16 and 15*4*32 values; 80 + 1168 + 2320 + 4640 + 2*1056 + 33 parameters.
    assert memory == [4 * (53_760 + 10_353), 53_760 // 8 + 10_353]
    assert in_float.costs["parameters"] == workload_costs(prepared.workload(uniform(1, 1)))["parameters"]


def test_illustrations_are_predicted_against_true_scores(data: LabelledData, prepared: QualityPredictor) -> None:
    found = prepared.illustrate([uniform(32, 32), uniform(1, 8)])
    for k, item in enumerate(found):
        assert illustration_error(item, 2) is None
        assert isinstance(item, Predictions)
        assert (item.of, list(item.true)) == (k, data.test.labels.tolist())


@pytest.mark.parametrize("bits", [(32, 32), (5, 3), (1, 8), (1, 2)])
def test_an_export_scores_as_the_network_that_was_measured(
    bits: tuple[int, int],
    data: LabelledData,
    prepared: QualityPredictor,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    prepared.export(uniform(*bits), tmp_path)
    assert capfd.readouterr().err == "", "ONNX Runtime has no remarks on the file"
    predictor = QualityPredictor.load_export(tmp_path)
    expected = prepared._predict([uniform(*bits)], "test", 8)[0].clip(1.0, 4.64)
    np.testing.assert_allclose(predictor.predict(data.test.waveforms), expected, atol=1e-6)
    vectors = load_file(tmp_path / "test_vectors.safetensors")
    np.testing.assert_allclose(predictor.predict(vectors["waveforms"]), vectors["scores"].clip(1, 4.64), atol=1e-6)
    assert predictor.predict(np.zeros((0, 80_000), np.float32)).shape == (0,)
    found = run_onnx((tmp_path / "network.onnx").read_bytes(), {"features": vectors["features"]}, ["score"])
    np.testing.assert_allclose(found["score"], vectors["scores"], atol=1e-4)
    weights = load_file(tmp_path / "weights.safetensors")
    description = json.loads((tmp_path / "network.json").read_text())
    for layer in description["layers"]:
        n_weights = int(np.prod(layer["shape"]))
        assert weights[f"{layer['name']}.weights"].nbytes == -(-n_weights * bits[1] // 8)


def test_a_folder_that_holds_no_predictor_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"network\.json"):
        load_export(tmp_path)
    (tmp_path / "network.json").write_text("{}")
    with pytest.raises(DataError, match="exported quality predictor"):
        load_export(tmp_path)


def test_an_export_that_hears_other_features_is_told(prepared: QualityPredictor, tmp_path: Path) -> None:
    prepared.export(uniform(8, 8), tmp_path)
    load_export(tmp_path)
    file = tmp_path / "network.json"
    description = json.loads(file.read_text())
    description["front_end"]["centre_db"] = -48.8
    file.write_text(json.dumps(description))
    with pytest.raises(DataError, match="another front end"):
        load_export(tmp_path)


def test_training_lowers_the_loss_and_keeps_the_best_epoch() -> None:
    loud = torch.linspace(1, 4, 16)
    heard = (features(16).float() * 0.2 + 20 * loud[:, None, None]).round().clamp(-128, 127).to(torch.int8)
    data = Examples(heard, loud)
    options = TrainingOptions(batch_size=4, dropout=0.0, patience=3, crop_share=0.8, band_shift=1)
    trainer = QualityTrainer(network().requires_grad_(True), data, data, options, Phase(30, 0.01), "cpu")
    losses, correlations = [], []
    while trainer.epochs_done < 30:
        figures = trainer.run_epoch()
        losses.append(figures["loss"])
        correlations.append(figures["correlation"])
    assert losses[-1] < losses[0] / 2
    assert max(correlations) > 0.9
    assert correlation(trainer._predicted(), loud) == pytest.approx(max(correlations))
    best = correlations.index(max(correlations))
    assert len(correlations) == 30 or len(correlations) == best + 1 + 3


def test_a_teacher_is_weighed_against_the_labels() -> None:
    heard, labels = features(3), torch.tensor([1.0, 2.0, 3.0])
    scores = network()(heard)

    assert torch.equal(Teacher(network(), 0.0).target(heard, labels), labels)
    assert torch.allclose(Teacher(network(), 1.0).target(heard, labels), scores)
    assert torch.allclose(Teacher(network(), 0.25).target(heard, labels), 0.75 * labels + 0.25 * scores)


def test_who_learns_from_a_teacher_alone_comes_to_say_the_same_whatever_the_labels_are() -> None:
    heard, wrong = features(16), torch.full((16,), 9.0)
    teacher, student = network(), network()
    with torch.no_grad():
        student.dense[-1].bias.add_(1.0)
    data = Examples(heard, wrong)
    options = TrainingOptions(batch_size=4, dropout=0.0, patience=20)
    phase = Phase(20, 0.01, teacher=Teacher(teacher, 1.0))
    trainer = QualityTrainer(student.requires_grad_(True), data, Examples(heard, teacher(heard)), options, phase, "cpu")
    losses = [trainer.run_epoch()["loss"] for _ in range(8)]
    assert losses[0] > 0.5
    assert losses[-1] < 0.1


def test_varied_examples_are_moved_in_bands() -> None:
    torch.manual_seed(0)
    original = features(200)
    n_bands = original.shape[2]
    moved = varied(original, 2)
    seen = set()
    for before, after in zip(original, moved, strict=True):
        edges = torch.cat([before[:, :1], before[:, :1], before, before[:, -1:], before[:, -1:]], dim=1)
        (shift,) = [s for s in range(5) if torch.equal(after, edges[:, s : s + n_bands])]
        seen.add(shift - 2)
    assert seen == {-2, -1, 0, 1, 2}
    assert varied(original, 0) is original


def test_an_interrupted_training_goes_on_to_the_same_weights() -> None:
    data, options = Examples(features(8), torch.linspace(1, 4, 8)), TrainingOptions(batch_size=4)

    def trainer() -> QualityTrainer:
        return QualityTrainer(network().requires_grad_(True), data, data, options, Phase(3, 0.01), "cpu")

    whole, first, second = trainer(), trainer(), trainer()
    for _ in range(3):
        whole.run_epoch()
    first.run_epoch()
    second.restore(first.state())
    second.run_epoch()
    second.run_epoch()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


def test_fine_tuned_widths_share_weights_with_those_of_the_same_recipe(prepared: QualityPredictor) -> None:
    prepared.evaluate([uniform(1, 8), uniform(1, 4), uniform(1, 32), uniform(3, 3)], "validation")
    assert Widths.uniform(SMALL, 1, 32) in prepared._networks._rounders
    folders = prepared._networks._context.cache / "quality" / "networks"
    n = len(list(folders.iterdir()))
    prepared.evaluate([uniform(1, 7), uniform(5, 6)], "validation")
    assert len(list(folders.iterdir())) == n


def test_labels_that_never_differ_are_told(data: LabelledData, tmp_path: Path) -> None:
    same = LabelledExamples(data.test.waveforms, np.full(8, 2.0, np.float32), data.test.names)
    constant = LabelledData({**data.parts, "test": same}, "d", "none", "all", "training")
    system = system_with(constant, tmp_path, epochs=1)
    with pytest.raises(EvaluationError, match="labels"):
        system.evaluate([uniform(32, 32)], "test")


def test_a_feature_is_the_level_of_a_band_over_the_mean() -> None:
    # A full-scale sine of 1 kHz, a whole number of bins, has 0 dB in a band of weight 1 around it.
    t = np.arange(SMALL.window_samples) / 16_000
    sine = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    found = features_of([sine, 0 * sine, 0.1 * sine], SMALL)
    assert found.shape == (3, 125, 32)
    filters = mel_filters(32)
    bins = np.zeros(321)
    bins[39:42] = 0.25, 1, 0.25  # powers of the Hann window's main lobe
    powers = filters @ bins
    expected = 10 * np.log10(powers[powers > 0] / powers.mean()) + 6
    np.testing.assert_allclose(found[0, 60][powers > 0] * 0.4, expected, atol=0.25)
    # Silence lies 30 dB below the quietest mean that counts: (-120 + 90 + 6) / 0.4
    assert (found[1] == -60).all()


@pytest.mark.parametrize("gain_db", [-40.0, -13.3, 6.0])
def test_features_do_not_go_by_the_level(gain_db: float) -> None:
    rng = np.random.default_rng(0)
    speech = (rng.normal(0, 0.05, 80_000) * (1.2 + np.sin(np.arange(80_000) / 3_000))).astype(np.float32)
    loud, quiet = features_of([speech, speech * np.float32(10 ** (gain_db / 20))], SMALL)
    assert (loud.int() - quiet.int()).abs().max() <= 1


def test_no_band_is_deaf() -> None:
    filters = mel_filters(120)
    assert filters.shape == (120, 321)
    assert (filters.sum(axis=1) > 0.5).all()


def test_prepared_data_keeps_what_the_report_tells(data: LabelledData) -> None:
    found = prepare_data(data, SMALL)
    assert found.splits["test"].labels.tolist() == data.test.labels.tolist()
    assert found.examples.shape == (2, 80_000)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"preset": "huge"}, "huge"),
        ({"training": {"crop_share": 0}}, "0 is not possible"),
        ({"training": {"fine_tuned_map_bits": 0}}, "0 is not possible"),
        ({"data": {"training_examples": 1}}, "1 is not possible"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SystemSpecError, match=told):
        create_system("quality_predictor", options, Path())


@pytest.mark.parametrize("name", ["bam_bits", "bam_bits_paper", "bam_bits_recordings"])
def test_the_studies_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    study = Study.from_yaml(STUDIES / f"{name}.yaml")
    assert len(study.space.searched) == 4 + 7
    labels = [label for label, _ in study.space.homogeneous()]
    assert {"1 bits", "8 bits", "32 bits"} <= set(labels)
