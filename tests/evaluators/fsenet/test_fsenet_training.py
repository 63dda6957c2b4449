"""Training: what it learns, its two phases, and that interruptions leave no trace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fsenet_cases import TINY, clip

from evaluators.errors import EvaluationError
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.trainer import Phase, PhaseTrainer, draw_unpruned, initialized
from evaluators.fsenet.training import train_dense, train_gates
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.progress import Silent
from evaluators.speech.corpus import SpeechData
from evaluators.speech.sound import Samples
from evaluators.system import Context
from evaluators.training.spectral_loss import noise_losses

OPTIONS = TrainingOptions(epochs=3, gate_epochs=3, updates_per_epoch=2, batch_size=2, learning_rate=0.01)
AGAIN = OPTIONS.model_copy(update={"hearings": 2})


@dataclass(frozen=True)
class Examples:
    """A tone in noise."""

    def example(self, index: int) -> tuple[Samples, Samples]:
        found = clip(8_000, index)
        return found.noisy, found.clean


DATA = SpeechData(Examples(), {}, "", (), (), "evaluated", "trained")


class Interruption(Silent):
    """Ends the process, so to say, after an epoch."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            raise KeyboardInterrupt


@pytest.mark.parametrize("options", [OPTIONS, AGAIN])
def test_an_interrupted_training_gives_the_same_weights(tmp_path: Path, options: TrainingOptions) -> None:
    whole = Context(tmp_path / "whole")
    expected = train_gates(train_dense(TINY, DATA, options, whole), 0.25, DATA, options, whole)
    parts, cut = Context(tmp_path / "parts"), Context(tmp_path / "parts", Interruption())
    with pytest.raises(KeyboardInterrupt):
        train_dense(TINY, DATA, options, cut)
    dense = train_dense(TINY, DATA, options, parts)
    with pytest.raises(KeyboardInterrupt):
        train_gates(dense, 0.25, DATA, options, cut)
    found = train_gates(dense, 0.25, DATA, options, parts)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=0, rtol=0)


def test_gates_of_every_kind_and_target_start_from_the_same_dense_network(tmp_path: Path) -> None:
    train_dense(TINY, DATA, OPTIONS, Context(tmp_path))
    # Were it trained anew, this would be interrupted.
    cut = Context(tmp_path, Interruption())
    train_dense(replace(TINY, gating="static"), DATA, OPTIONS.model_copy(update={"gate_epochs": 9}), cut)
    with pytest.raises(KeyboardInterrupt):
        train_dense(replace(TINY, is_causal=False), DATA, OPTIONS, cut)


def test_the_dense_network_learns() -> None:
    options = OPTIONS.model_copy(update={"epochs": 6, "updates_per_epoch": 8})
    trainer = PhaseTrainer(initialized(TINY, 0), Examples(), options, Phase.dense(options), "cpu")
    losses = [trainer.run_epoch()["loss"] for _ in range(options.epochs)]
    assert losses[-1] < 0.7 * losses[0]
    gate = trainer.network.state_dict()["gates.0.scores"]
    assert (gate == 1.0).all(), "gates wait for their phase"


@pytest.mark.parametrize("gating", ["dynamic", "static"])
def test_gates_come_to_their_target(gating: str) -> None:
    options = OPTIONS.model_copy(
        update={"gate_epochs": 10, "updates_per_epoch": 10, "gate_learning_rate": 0.05, "unpruned": 0.0}
    )
    shape = FsenetShape(8, 6, gate_units=3, gating=gating)  # type: ignore[arg-type]
    trainer = PhaseTrainer(initialized(shape, 0), Examples(), options, Phase.gates(options, 0.25), "cpu")
    kept = [trainer.run_epoch()["kept"] for _ in range(options.gate_epochs)]
    assert kept[0] > 0.5
    assert kept[-1] == pytest.approx(0.25, abs=0.1)


def test_blocks_that_are_not_pruned_are_drawn_by_the_number_of_the_update() -> None:
    options = OPTIONS.model_copy(update={"unpruned": 0.5})
    drawn = draw_unpruned(TINY, 4_000, options, 7)
    assert torch.equal(drawn, draw_unpruned(TINY, 4_000, options, 7))
    assert not torch.equal(drawn, draw_unpruned(TINY, 4_000, options, 8))
    # Half of the sequences, and there half of the blocks.
    assert float(drawn.float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float((~drawn.any(dim=0)).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_a_training_that_diverges_is_told(tmp_path: Path) -> None:
    wild = OPTIONS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(EvaluationError, match="the training diverged"):
        train_dense(TINY, DATA, wild, Context(tmp_path))


@pytest.mark.parametrize("hearings", [1, 2])
def test_examples_are_made_once_for_all_their_hearings(hearings: int) -> None:
    options = OPTIONS.model_copy(update={"hearings": hearings})
    heard: list[int] = []

    class Listening(Examples):
        def example(self, index: int) -> tuple[Samples, Samples]:
            heard.append(index)
            return super().example(index)

    for phase in (Phase.dense(options), Phase.gates(options, 0.5)):
        trainer = PhaseTrainer(initialized(TINY, 0), Listening(), options, phase, "cpu")
        for _ in range(options.epochs):
            trainer.run_epoch()
    examples_an_epoch = options.updates_per_epoch * options.batch_size
    n_made = -(-options.epochs // hearings) * examples_an_epoch
    first_of_gates = options.epochs * examples_an_epoch
    np.testing.assert_array_equal(heard, [*range(n_made), *range(first_of_gates, first_of_gates + n_made)])


def test_the_noise_loss_is_the_ratio_of_what_is_left() -> None:
    clean = torch.ones(1, 2, 3, dtype=torch.complex64)
    # Gains of 0.9 leave 0.1 of every bin: 10 log10(0.01 + 0.001) = -19.59 dB
    assert 10 * noise_losses(torch.full((1, 2, 3), 0.9), clean, clean).item() == pytest.approx(-19.586, abs=1e-3)
    noisy = torch.full((1, 2, 3), 2.0 + 1.0j)
    # (2 + j) / 2 leaves 0.5j: 10 log10(0.25 + 0.001)
    assert 10 * noise_losses(torch.full((1, 2, 3), 0.5), noisy, clean).item() == pytest.approx(-6.003, abs=1e-3)


def test_noise_weighs_in_where_asked() -> None:
    found = []
    for weight in (0.0, 5.0):
        options = OPTIONS.model_copy(update={"noise_weight": weight})
        trainer = PhaseTrainer(initialized(TINY, 0), Examples(), options, Phase.dense(options), "cpu")
        trainer.run_epoch()
        found.append(trainer.network.state_dict()["back.weight"])
    assert not torch.equal(*found)
