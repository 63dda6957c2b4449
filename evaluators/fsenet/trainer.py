"""One phase of a training, dense or with gates, epoch by epoch, with all of its state in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluators.fsenet.network import ConvFsenet, features
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.speech.mixtures import TrainingExamples, batch
from evaluators.training.checkpoints import Checkpoint, restore_training, training_state
from evaluators.training.schedule import mixed_seed, share_of_peak
from evaluators.training.spectral_loss import frame_losses, prepare_batch

GATES = "gates."
"""Prefix of the gates' weights."""


@dataclass(frozen=True)
class Phase:
    """What tells the phases apart.

    Attributes:
        n_epochs: Its length.
        learning_rate: Its peak.
        target: Share of the channels that the gates are to keep; None: without gates.
        first_update: Updates made before it; they decide which examples it hears.
    """

    n_epochs: int
    learning_rate: float
    target: float | None
    first_update: int

    @classmethod
    def dense(cls, options: TrainingOptions) -> Phase:
        """The phase that starts from random weights."""
        return cls(options.epochs, options.learning_rate, None, 0)

    @classmethod
    def gates(cls, options: TrainingOptions, target: float) -> Phase:
        """The phase that starts from the dense network."""
        first = options.epochs * options.updates_per_epoch
        return cls(options.gate_epochs, options.gate_learning_rate, target, first)


class PhaseTrainer:
    """AdamW with a warmed-up cosine schedule.

    Randomness follows from the seed and the number of the update alone, so that what `state` gives is all that going on
    takes.

    Args:
        network: To be trained, in place.
        examples: What to learn from; each is heard once.
        options: How to train.
        phase: Which part of the training this is.
        device: Where to.
    """

    def __init__(
        self, network: ConvFsenet, examples: TrainingExamples, options: TrainingOptions, phase: Phase, device: str
    ) -> None:
        self.network = network.to(device).train()
        self.epochs_done = 0
        self._examples = examples
        self._options = options
        self._phase = phase
        self._device = device
        named = network.named_parameters()
        trained = [p for name, p in named if phase.target is not None or not name.startswith(GATES)]
        self._optimizer = torch.optim.AdamW(trained, lr=phase.learning_rate, weight_decay=options.weight_decay)

    def run_epoch(self) -> Mapping[str, float]:
        """Make the updates of an epoch; mean loss, and with gates the mean share of channels kept."""
        n_updates = self._options.updates_per_epoch
        totals: dict[str, float] = {}
        for update in range(self.epochs_done * n_updates, (self.epochs_done + 1) * n_updates):
            for name, value in self._update(update).items():
                totals[name] = totals.get(name, 0.0) + value / n_updates
        self.epochs_done += 1
        return totals

    def state(self) -> Checkpoint:
        """All that going on takes."""
        return training_state(self.network, self._optimizer, self.epochs_done)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""
        self.epochs_done = restore_training(self.network, self._optimizer, checkpoint)

    def _update(self, update: int) -> dict[str, float]:
        options, phase = self._options, self._phase
        share_done = update / (phase.n_epochs * options.updates_per_epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = phase.learning_rate * share_of_peak(share_done)
        number = phase.first_update + update
        indices = range(number * options.batch_size, (number + 1) * options.batch_size)
        spectra, targets = prepare_batch(batch(self._examples, indices), self._device)
        x = features(spectra, self.network.shape.features)
        figures: dict[str, float] = {}
        penalty = torch.zeros(())
        if phase.target is None:
            mask = self.network(x)
        else:
            unpruned = draw_unpruned(self.network.shape, len(x), options, number).to(self._device)
            gated = self.network.gated(x, unpruned, options.surrogate, options.surrogate_slope)
            mask = gated.mask
            penalty = options.target_weight * (gated.kept - phase.target).square().mean()
            figures["kept"] = gated.kept.mean().item()
        loss = frame_losses(mask, targets).mean()
        self._optimizer.zero_grad()
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), options.gradient_clip)
        self._optimizer.step()
        return {"loss": loss.item(), **figures}


def draw_unpruned(shape: FsenetShape, n_sequences: int, options: TrainingOptions, number: int) -> Tensor:
    """Which blocks of which sequences are not pruned, shape (n_blocks, n_sequences).

    In a share of the sequences each block is whole with a probability of one half, so that the network is at home with
    every mixture of whole and pruned blocks.
    """
    generator = torch.Generator().manual_seed(mixed_seed(options.seed, number))
    is_drawn = torch.rand(n_sequences, generator=generator) < options.unpruned
    return (torch.rand(len(shape.blocks), n_sequences, generator=generator) < 0.5) & is_drawn


def initialized(shape: FsenetShape, seed: int, dense: ConvFsenet | None = None) -> ConvFsenet:
    """A network with random weights, or with those of a dense network and random gates."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(seed, -1))
        network = ConvFsenet(shape)
    if dense is not None:
        weights = {name: value for name, value in dense.state_dict().items() if not name.startswith(GATES)}
        network.load_state_dict(weights, strict=False)
    return network
