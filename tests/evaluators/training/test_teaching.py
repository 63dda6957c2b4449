"""What a teacher shows, and what of it decides the weights of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from evaluators.enhancement.teaching_options import TeachingOptions
from evaluators.errors import DataError
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.training import dense_key
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.nsnet2.confidence import fit_head
from evaluators.nsnet2.export import export_nsnet2
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import PRESETS, NsNet2Shape
from evaluators.nsnet2.teacher import teacher_key, teacher_of
from evaluators.speech.corpus import SpeechData
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.mixtures import Batch, MixedExamples
from evaluators.speech.stft import log_power, spectrum
from evaluators.training.spectral_loss import Targets, frame_losses, level_gains, prepare_batch

RNG = np.random.default_rng(1)
NOISY, CLEAN = (RNG.normal(scale=0.1, size=(2, 4_000)).astype(np.float32) for _ in range(2))


@dataclass(frozen=True)
class Halving:
    """Lets half of everything through."""

    weight: float

    def mask(self, spectra: Tensor) -> Tensor:
        return torch.full(spectra.shape, 0.5)


def some_spectra(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 7, dtype=torch.complex64, generator=generator)


def test_between_two_targets_the_loss_is_the_mean_of_both() -> None:
    noisy = some_spectra(0)
    one, other = (Targets.of_spectra(noisy, some_spectra(k)) for k in (1, 2))
    mask = some_spectra(3).abs().clamp(max=1.0)
    expected = 0.75 * frame_losses(mask, one) + 0.25 * frame_losses(mask, other)
    torch.testing.assert_close(frame_losses(mask, one.towards(other, 0.25)), expected)


def test_what_a_teacher_alone_shows_has_no_loss() -> None:
    spectra, targets = prepare_batch(Batch(NOISY, CLEAN), "cpu", Halving(1.0))
    half = torch.full(spectra.shape, 0.5)
    torch.testing.assert_close(frame_losses(half, targets), torch.zeros(spectra.shape[:2]), atol=1e-5, rtol=0)
    assert (frame_losses(half.mul(0.5), targets) > 0.01).all()


def test_a_teacher_of_no_weight_changes_nothing() -> None:
    _, alone = prepare_batch(Batch(NOISY, CLEAN), "cpu")
    spectra, taught = prepare_batch(Batch(NOISY, CLEAN), "cpu", Halving(0.0))
    torch.testing.assert_close(taught.slope, alone.slope, atol=0, rtol=0)
    gains = torch.from_numpy(level_gains(CLEAN))[:, None, None]
    assert torch.equal(alone.square, Targets.of_spectra(gains * spectra, gains * spectra).square)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive as it circulates, of random numbers."""
    shape, rng = PRESETS["paper"], np.random.default_rng(0)
    f, g, h = shape.fc1_units, shape.gru_units, shape.fc2_units
    sizes: dict[str, tuple[int, ...]] = {"onnx__MatMul_166": (257, f), "fc1_bias": (f,), "fc2_bias": (h,)}
    sizes |= {"onnx__MatMul_207": (g, h), "onnx__MatMul_208": (h, h), "fc3_bias": (h,)}
    sizes |= {"onnx__MatMul_209": (h, 257), "fc4_bias": (257,)}
    sizes |= {"onnx__GRU_184": (1, 3 * g, f), "onnx__GRU_204": (1, 3 * g, g)}
    sizes |= {f"onnx__GRU_{n}": (1, 3 * g, g) for n in (185, 205)} | {f"onnx__GRU_{n}": (1, 6 * g) for n in (186, 206)}
    path = tmp_path_factory.mktemp("teacher") / "weights.npz"
    np.savez(path, **{name: rng.normal(scale=0.05, size=size).astype(np.float32) for name, size in sizes.items()})  # type: ignore[arg-type]
    return path


def test_the_teacher_is_the_network_of_its_weights(weights: Path) -> None:
    teacher = teacher_of(TeachingOptions(teacher=weights, teacher_weight=0.25), "cpu")
    assert teacher is not None
    assert teacher.weight == 0.25
    shape = PRESETS["paper"].without_exits()
    network = NsNet2(shape)
    network.load_state_dict(read_reference_weights(weights, shape))
    spectra = spectrum(torch.from_numpy(NOISY))
    with torch.no_grad():
        expected = network.all_masks(log_power(spectra))["final"]
    torch.testing.assert_close(teacher.mask(spectra), expected)


def test_an_export_teaches_by_its_last_exit(tmp_path: Path) -> None:
    network = NsNet2(NsNet2Shape(7, 6, 9, ("fc1", "gru1"), True, 5)).eval()
    heads = {exit_: fit_head([(torch.rand(50, 5), torch.rand(50))]) for exit_ in ("fc1", "gru1")}
    route = Route((("fc1", 0.5), ("gru1", 0.5)), "final")
    export_nsnet2(PreparedNsNet2(network, heads, ""), route, EvaluationClip("clip", NOISY[0], CLEAN[0]), tmp_path)
    options = TeachingOptions(teacher=tmp_path)
    teacher = teacher_of(options, "cpu")
    assert teacher is not None
    spectra = spectrum(torch.from_numpy(NOISY))
    with torch.no_grad():
        expected = network.all_masks(log_power(spectra))["final"]
    torch.testing.assert_close(teacher.mask(spectra), expected)
    before = teacher_key(options)
    (tmp_path / "network.json").write_bytes((tmp_path / "network.json").read_bytes() + b"\n")
    assert teacher_key(options) != before


def test_content_and_weight_decide_and_not_where_the_file_lies(weights: Path, tmp_path: Path) -> None:
    there = TeachingOptions(teacher=weights)
    copied = tmp_path / "other.npz"
    copied.write_bytes(weights.read_bytes())
    assert teacher_key(TeachingOptions(teacher=copied)) == teacher_key(there) != []
    assert teacher_key(TeachingOptions(teacher=weights, teacher_weight=0.1)) != teacher_key(there)
    copied.write_bytes(b"another")
    assert teacher_key(TeachingOptions(teacher=copied)) != teacher_key(there)
    for untaught in (TeachingOptions(), TeachingOptions(teacher=weights, teacher_weight=0.0)):
        assert teacher_key(untaught) == []
        assert teacher_of(untaught, "cpu") is None


def test_a_taught_network_is_kept_apart(weights: Path) -> None:
    data = SpeechData(MixedExamples.__new__(MixedExamples), {}, "", (), (), "", "")
    keys = {
        dense_key(FsenetShape(8, 6), data, TrainingOptions(teacher=path, teacher_weight=weight))
        for path in (None, weights)
        for weight in (0.0, 0.5)
    }
    assert len(keys) == 2


def test_missing_weights_are_told(tmp_path: Path) -> None:
    missing = TeachingOptions(teacher=tmp_path / "none.npz")
    for look in (teacher_key, lambda options: teacher_of(options, "cpu")):
        with pytest.raises(DataError, match="there is no such file") as caught:
            look(missing)
        assert "none.npz" in str(caught.value)


def test_a_path_starts_from_the_study_or_the_data(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TeachingOptions(teacher=Path(weights.name))
    assert options.resolved(weights.parent).teacher == weights
    monkeypatch.setenv("TINYPARETO_DATA", str(weights.parent))
    assert options.resolved(tmp_path).teacher == weights
