"""Training: the loss by its definition, frames that leave, order of exits, schemes, and interruptions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nsnet2_cases import tiny
from torch import Tensor

from evaluators.errors import EvaluationError
from evaluators.nsnet2.exit_losses import draw_staying, exit_losses
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, NsNet2Shape
from evaluators.nsnet2.trainer import Trainer, phase_modules
from evaluators.nsnet2.training import CHECKPOINT_FILE, WEIGHTS_FILE, train
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.progress import Silent
from evaluators.speech.mixtures import Batch, batch
from evaluators.speech.sound import Samples
from evaluators.speech.stft import log_power
from evaluators.training.spectral_loss import Targets, frame_losses, level_gains, prepare_batch
from evaluators.training.standardization import TYPICAL_DEVIATION, TYPICAL_MEAN

SHAPE = NsNet2Shape(8, 8, 8, EARLY_EXITS)
OPTIONS = TrainingOptions(epochs=3, updates_per_epoch=2, batch_size=2, learning_rate=0.01)


@dataclass(frozen=True)
class Examples:
    """A swelling tone in white noise."""

    n_samples: int = 4000

    def example(self, index: int) -> tuple[Samples, Samples]:
        rng = np.random.default_rng(index)
        t = np.arange(self.n_samples) / 16000
        clean = (0.3 * np.sin(2 * np.pi * rng.uniform(200, 2000) * t) * np.sin(8 * t) ** 2).astype(np.float32)
        return clean + 0.05 * rng.standard_normal(self.n_samples).astype(np.float32), clean


def random_spectra(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(sum(shape)))


def test_the_loss_is_its_definition():
    noisy, clean, mask = random_spectra(2, 3, 5), random_spectra(1, 3, 5).expand(2, 3, 5), torch.rand(2, 3, 5)
    estimate = mask * noisy
    c_estimate, c_clean = (torch.polar(s.abs() ** 0.3, s.angle()) for s in (estimate, clean))
    magnitude = (c_estimate.abs() - c_clean.abs()).square().mean(-1)
    both = (c_estimate - c_clean).abs().square().mean(-1)
    expected = 0.7 * magnitude + 0.3 * both
    torch.testing.assert_close(frame_losses(mask, Targets.of_spectra(noisy, clean)), expected, atol=1e-6, rtol=1e-5)


def test_digital_silence_gives_finite_losses_and_gradients():
    zeros = torch.zeros(1, 2, 3, dtype=torch.complex64)
    mask = torch.zeros(1, 2, 3, requires_grad=True)
    loss = frame_losses(mask, Targets.of_spectra(zeros, zeros)).sum()
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-3)
    assert torch.isfinite(mask.grad).all()


def test_the_level_of_the_recording_does_not_matter_to_the_targets():
    noisy, clean = Examples().example(0)
    found = [prepare_batch(replace_scale(noisy, clean, g), "cpu")[1] for g in (1.0, 0.1)]
    torch.testing.assert_close(found[0].square, found[1].square, rtol=1e-3, atol=1e-4)
    assert level_gains(np.zeros((1, 1000), np.float32))[0] == pytest.approx(1000.0)


def read_batch(examples: Batch) -> tuple[Tensor, Targets]:
    """What the network reads, and what it should make of it."""
    spectra, targets = prepare_batch(examples, "cpu")
    return log_power(spectra), targets


def replace_scale(noisy: Samples, clean: Samples, gain: float) -> object:
    scale = np.float32(gain)
    return Batch((scale * noisy)[None], (scale * clean)[None])


@pytest.mark.parametrize("is_split", [True, False])
def test_losses_where_all_frames_stay_are_those_of_the_fixed_exits(is_split):
    network = tiny(is_split=is_split)
    x, targets = read_batch(batch(Examples(), range(2)))
    staying = {e: torch.ones(x.shape[:2], dtype=torch.bool) for e in EARLY_EXITS}
    found = exit_losses(network, x, targets, staying)
    for exit_, mask in network.all_masks(x).items():
        torch.testing.assert_close(found.losses[exit_], frame_losses(mask, targets).mean())
    worse = torch.relu(found.losses["gru1"] - found.losses["fc1"])
    torch.testing.assert_close(found.regressions["gru1"], worse, atol=1e-6, rtol=1e-4)
    assert "fc1" not in found.regressions


@pytest.mark.parametrize("is_split", [True, False])
def test_states_wait_for_frames_that_leave(is_split):
    network = tiny(is_split=is_split, exits=("fc1",))
    x, targets = read_batch(batch(Examples(), [5]))
    stays = torch.zeros(x.shape[:2], dtype=torch.bool)
    stays[0, [1, 2, 7, 11]] = True
    found = exit_losses(network, x, targets, {"fc1": stays})
    steps = torch.tensor([[1, 2, 7, 11]])
    expected = frame_losses(network.all_masks(x[:, steps[0]])["final"], targets.at(steps)).mean()
    torch.testing.assert_close(found.losses["final"], expected)


def test_an_earlier_exit_does_not_learn_from_the_order_of_exits():
    network = tiny()
    x, targets = read_batch(batch(Examples(), range(2)))
    staying = draw_staying(EARLY_EXITS, *x.shape[:2], 1.0, torch.Generator().manual_seed(0))
    regressions = exit_losses(network, x, targets, staying).regressions
    sum(regressions.values()).backward()
    assert network.masks["fc1"].weight.grad is None


def test_frames_leave_in_runs_and_some_always_stay():
    generator = torch.Generator().manual_seed(0)
    staying = draw_staying(EARLY_EXITS, 200, 100, 0.5, generator)
    shares = staying["fc1"].float().mean(dim=1)
    assert shares.min() >= 0.09
    assert (shares == 1).float().mean() == pytest.approx(0.5, abs=0.12)
    changes = (staying["gru1"][:, 1:] != staying["gru1"][:, :-1]).float().mean()
    assert changes < 0.15
    assert all(s.all() for s in draw_staying(EARLY_EXITS, 5, 20, 0.0, generator).values())


@pytest.mark.parametrize("is_split", [True, False])
@pytest.mark.parametrize("exits", [EARLY_EXITS, ("gru1",), ()])
def test_phases_train_every_parameter_once(is_split, exits):
    shape = replace(SHAPE, is_split=is_split, exits=exits)
    phases = phase_modules(shape)
    assert list(phases) == [*exits, "final"]
    for name, _ in NsNet2(shape).named_parameters():
        assert sum(name.startswith(prefixes) for prefixes in phases.values()) == 1, name


@pytest.mark.parametrize("scheme", ["joint", "layerwise"])
def test_training_lowers_the_loss_of_every_exit(scheme):
    options = OPTIONS.model_copy(update={"epochs": 8, "updates_per_epoch": 10, "scheme": scheme, "skipping": 0.0})
    trainer = Trainer(SHAPE, Examples(), options, "cpu")
    x, targets = read_batch(batch(Examples(), range(1000, 1008)))

    def losses() -> dict[str, float]:
        with torch.no_grad():
            return {e: frame_losses(m, targets).mean().item() for e, m in trainer.network.all_masks(x).items()}

    before = losses()
    for _ in range(options.epochs):
        trainer.run_epoch()
    assert all(after < before[exit_] for exit_, after in losses().items())


def test_layer_by_layer_leaves_earlier_exits_alone():
    options = OPTIONS.model_copy(update={"epochs": 4, "updates_per_epoch": 1, "scheme": "layerwise"})
    trainer = Trainer(SHAPE, Examples(), options, "cpu")
    assert list(trainer.run_epoch()) == ["fc1"]
    kept = trainer.network.masks["fc1"].weight.clone()
    assert list(trainer.run_epoch()) == ["gru1"]
    torch.testing.assert_close(trainer.network.masks["fc1"].weight, kept, atol=0, rtol=0)


def test_copies_start_from_the_layers_that_they_double():
    weights = NsNet2(SHAPE.without_exits()).state_dict()
    network = Trainer(SHAPE, Examples(), OPTIONS, "cpu", weights).network
    torch.testing.assert_close(network.fc1.cell.weight, weights["fc1.cell.weight"])
    torch.testing.assert_close(network.copies["gru1"].cell.weight_hh_l0, weights["gru1.cell.weight_hh_l0"])


def test_given_weights_move_slower_than_others():
    weights = NsNet2(SHAPE.without_exits()).state_dict()
    options = OPTIONS.model_copy(update={"warm_share": 0.01, "epochs": 1, "updates_per_epoch": 1000})
    trainer = Trainer(SHAPE, Examples(), options, "cpu", weights)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    for update in range(3):
        trainer._update(update)
    moved = {n: (v - before[n]).abs().max().item() for n, v in trainer.network.state_dict().items()}
    # Adam's first steps are as large as the learning rate, whatever the gradient.
    assert moved["fc4.weight"] == pytest.approx(0.01 * moved["masks.fc1.weight"], rel=0.2)
    assert moved["gru1.cell.weight_hh_l0"] < 0.02 * moved["copies.gru1.cell.weight_hh_l0"]


@pytest.mark.parametrize("scheme", ["joint", "layerwise"])
@pytest.mark.parametrize("is_split", [True, False])
def test_given_layers_can_be_kept_as_they_are(scheme, is_split):
    weights = NsNet2(SHAPE.without_exits()).state_dict()
    options = OPTIONS.model_copy(
        update={"epochs": 4, "kept_layers": ("fc1", "gru1", "gru2", "fc2"), "scheme": scheme, "weight_decay": 0.1}
    )
    trainer = Trainer(replace(SHAPE, is_split=is_split), Examples(), options, "cpu", weights)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    for _ in range(options.epochs):
        trainer.run_epoch()
    for name, value in trainer.network.state_dict().items():
        is_kept = name.split(".")[0] in options.kept_layers
        assert torch.equal(value, before[name]) == is_kept, name


def test_an_exit_without_free_weights_has_no_phase():
    weights = NsNet2(SHAPE.without_exits()).state_dict()
    kept = ("fc1", "gru1", "gru2", "fc2", "fc3", "fc4")
    options = OPTIONS.model_copy(update={"kept_layers": kept, "scheme": "layerwise"})
    trainer = Trainer(SHAPE, Examples(), options, "cpu", weights)
    assert [list(trainer.run_epoch()) for _ in range(options.epochs)] == [["fc1"], ["gru1"], ["gru2"]]
    with pytest.raises(EvaluationError, match="nothing to train"):
        Trainer(SHAPE.without_exits(), Examples(), options, "cpu", weights)


class Interruption(Silent):
    """Ends the process, so to say, after an epoch."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            raise KeyboardInterrupt


@pytest.mark.parametrize("scheme", ["joint", "layerwise"])
def test_an_interrupted_training_gives_the_same_weights(tmp_path: Path, scheme):
    options = OPTIONS.model_copy(update={"scheme": scheme})
    whole = train(SHAPE, Examples(), options, tmp_path / "whole", "k", Silent())
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(SHAPE, Examples(), options, tmp_path / "parts", "k", Interruption())
    assert (tmp_path / "parts" / CHECKPOINT_FILE).exists()
    parts = train(SHAPE, Examples(), options, tmp_path / "parts", "k", Silent())
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, atol=0, rtol=0)
    assert not (tmp_path / "parts" / CHECKPOINT_FILE).exists()


def test_kept_weights_are_used_unless_asked_otherwise(tmp_path: Path):
    train(SHAPE, Examples(), OPTIONS, tmp_path, "k", Silent())
    written = (tmp_path / WEIGHTS_FILE).stat().st_mtime_ns
    train(SHAPE, Examples(), OPTIONS, tmp_path, "k", Interruption())
    assert (tmp_path / WEIGHTS_FILE).stat().st_mtime_ns == written
    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, Examples(), OPTIONS, tmp_path, "k", Interruption(), fresh=True)
    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, Examples(), OPTIONS, tmp_path, "other", Interruption())


def test_a_training_that_diverges_is_told(tmp_path: Path):
    wild = OPTIONS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(EvaluationError, match="the training diverged"):
        train(SHAPE, Examples(), wild, tmp_path, "k", Silent())


def test_first_layers_begin_as_if_their_inputs_were_standardized():
    network = Trainer(SHAPE, Examples(), OPTIONS, "cpu").network
    x = TYPICAL_MEAN + TYPICAL_DEVIATION * torch.randn(5000, 257, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in (network.fc1, network.copies["fc1"]):
            units = layer(x)
            # Weights are drawn from +-1/sqrt(257), so 257 inputs of variance 1 add up to a third; biases add little.
            assert units.mean(dim=0).abs().max() < 0.1
            assert units.var(dim=0).mean() == pytest.approx(1 / 3, rel=0.1)


def test_a_device_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EvaluationError, match="no CUDA device"):
        train(SHAPE, Examples(), OPTIONS, tmp_path, "k", Silent(), "cuda")
