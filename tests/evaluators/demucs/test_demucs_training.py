"""Training: what it learns, its stages, and that interruptions leave no trace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from demucs_cases import ROUTER, TINY, clip

from evaluators.demucs.aims import Aim
from evaluators.demucs.losses import balance_loss, efficiency_loss, spectral_loss, waveform_loss
from evaluators.demucs.trainer import BackboneTrainer, RouterTrainer, draw_schedules, initialized, with_router
from evaluators.demucs.training import train_backbone, train_jointly, train_router
from evaluators.demucs.training_options import TrainingOptions
from evaluators.progress import Silent
from evaluators.speech.corpus import SpeechData
from evaluators.speech.sound import Samples
from evaluators.system import Context

OPTIONS = TrainingOptions(
    epochs=2, router_epochs=2, joint_epochs=2, updates_per_epoch=2, batch_size=4, learning_rate=0.005
)


@dataclass(frozen=True)
class Examples:
    """A tone in noise."""

    def example(self, index: int) -> tuple[Samples, Samples]:
        found = clip(4_000, index)
        return found.noisy, found.clean


DATA = SpeechData(Examples(), {}, "", (), (), "evaluated", "trained")
AIM = Aim(0.3, 1.0, 0.1)


class Interruption(Silent):
    """Ends the process, so to say, after an epoch."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            raise KeyboardInterrupt


def test_an_interrupted_training_gives_the_same_weights(tmp_path: Path) -> None:
    whole = Context(tmp_path / "whole")
    alone = train_router(train_backbone(TINY, DATA, OPTIONS, whole), ROUTER, AIM, DATA, OPTIONS, whole)
    expected = train_jointly(alone, AIM, DATA, OPTIONS, whole)
    parts, cut = Context(tmp_path / "parts"), Context(tmp_path / "parts", Interruption())
    with pytest.raises(KeyboardInterrupt):
        train_backbone(TINY, DATA, OPTIONS, cut)
    backbone = train_backbone(TINY, DATA, OPTIONS, parts)
    with pytest.raises(KeyboardInterrupt):
        train_router(backbone, ROUTER, AIM, DATA, OPTIONS, cut)
    alone = train_router(backbone, ROUTER, AIM, DATA, OPTIONS, parts)
    with pytest.raises(KeyboardInterrupt):
        train_jointly(alone, AIM, DATA, OPTIONS, cut)
    found = train_jointly(alone, AIM, DATA, OPTIONS, parts)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=0, rtol=0)


def test_the_backbone_learns() -> None:
    options = OPTIONS.model_copy(update={"epochs": 5, "updates_per_epoch": 12})
    from_nothing = replace(TINY, has_input_skip=False)
    trainer = BackboneTrainer(initialized(from_nothing, 0), Examples(), options, "cpu")
    losses = [trainer.run_epoch()["loss"] for _ in range(options.epochs)]
    assert losses[-1] < 0.9 * losses[0]


def test_the_router_comes_to_its_target_and_leaves_the_backbone_alone() -> None:
    options = OPTIONS.model_copy(update={"router_epochs": 6, "updates_per_epoch": 8, "router_learning_rate": 0.05})
    network = initialized(TINY, 0)
    trainer = RouterTrainer(with_router(network, ROUTER, 0), Examples(), options, "router", Aim(0.2, 20.0, 0.0), "cpu")
    found = [trainer.run_epoch()["utilization"] for _ in range(options.router_epochs)]
    assert found[0] > 0.3
    assert found[-1] == pytest.approx(0.2, abs=0.06)
    for name, value in network.state_dict().items():
        assert torch.equal(trainer.network.network.state_dict()[name], value)


def test_the_joint_stage_trains_both() -> None:
    network = initialized(TINY, 0)
    trainer = RouterTrainer(with_router(network, ROUTER, 0), Examples(), OPTIONS, "joint", AIM, "cpu")
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.run_epoch()
    changed = {name for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])}
    assert {"network.encoder.0.conv.weight", "router.conv.weight"} <= changed


def test_schedules_follow_from_the_number_of_the_update() -> None:
    drawn = [draw_schedules(TINY, 0, number) for number in range(200)]
    assert drawn[7] == draw_schedules(TINY, 0, 7)
    for smallest, largest, same, mixed in drawn:
        assert set(smallest) == {0.125}
        assert set(largest) == {1.0}
        assert len(set(same)) == 1
        assert len(mixed) == len(TINY.blocks)
    shares = np.mean([mixed.count(0.5) / len(mixed) for *_, mixed in drawn])
    assert shares == pytest.approx(0.25, abs=0.05)


def test_losses_by_hand() -> None:
    a, b = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(waveform_loss(a, b), torch.tensor([1.5, 0.0]))
    assert float(efficiency_loss(torch.tensor(0.5), 0.3)) == pytest.approx(0.04)
    # (0.7 - 0.25)^2 + 3 (0.1 - 0.25)^2
    assert float(balance_loss(torch.tensor([0.7, 0.1, 0.1, 0.1]))) == pytest.approx(0.27)
    x = torch.randn(2, 4_000, generator=torch.Generator().manual_seed(0))
    # Twice as loud: convergence 1, log magnitudes log 2 apart
    torch.testing.assert_close(spectral_loss(2 * x, x), torch.full((2,), 1 + np.log(2)), atol=1e-3, rtol=0)
    assert float(spectral_loss(x, x).abs().max()) < 1e-4
