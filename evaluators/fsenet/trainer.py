"""One phase of a training, dense or with gates, epoch by epoch, with all of its state in one place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.fsenet.network import ConvFsenet, features
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.nsnet2.teacher import teacher_of
from evaluators.speech.mixtures import TrainingExamples
from evaluators.speech.stft import spectrum
from evaluators.training.schedule import mixed_seed
from evaluators.training.spectral_loss import Targets, frame_losses, noise_losses, prepare_batch
from evaluators.training.updates import UpdateTrainer, seeded

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


@dataclass(frozen=True)
class Lesson:
    """Examples as an update needs them.

    Attributes:
        spectra: Noisy, complex, shape (n_examples, n_frames, n_bins).
        targets: What a mask should make of them.
        clean: Speech, shape (n_examples, n_samples).
    """

    spectra: Tensor
    targets: Targets
    clean: Tensor


class PhaseTrainer(UpdateTrainer[ConvFsenet]):
    """Trains through one phase; figures of an epoch are the loss, and with gates the share of channels kept.

    Args:
        network: To be trained, in place.
        examples: What to learn from; each is heard in as many epochs as the options say.
        options: How to train.
        phase: Which part of the training this is.
        device: Where to.

    Raises:
        DataError: If the weights of a teacher cannot be used.
    """

    def __init__(
        self, network: ConvFsenet, examples: TrainingExamples, options: TrainingOptions, phase: Phase, device: str
    ) -> None:
        def peak(name: str) -> float:
            return 0.0 if phase.target is None and name.startswith(GATES) else phase.learning_rate

        super().__init__(network, examples, options, device, peak)
        self._options = options
        self._phase = phase
        self._teacher = teacher_of(options, device)
        self._kept: dict[int, Lesson] = {}

    def _update(self, number: int) -> dict[str, float]:
        options, phase = self._options, self._phase
        lesson = self._lesson(number)
        x = features(lesson.spectra, self.network.shape.features)
        figures: dict[str, float] = {}
        penalty = torch.zeros(())
        if phase.target is None:
            mask = self.network(x)
        else:
            unpruned = draw_unpruned(self.network.shape, len(x), options, phase.first_update + number).to(self._device)
            gated = self.network.gated(x, unpruned, options.surrogate, options.surrogate_slope)
            mask = gated.mask
            penalty = options.target_weight * (gated.kept - phase.target).square().mean()
            figures["kept"] = gated.kept.mean().item()
        loss = frame_losses(mask, lesson.targets).mean()
        if options.noise_weight > 0:
            clean = spectrum(lesson.clean)
            penalty = penalty + options.noise_weight * noise_losses(mask, lesson.spectra, clean).mean()
        self._step(loss + penalty, number / (phase.n_epochs * options.updates_per_epoch))
        return {"loss": loss.item(), **figures}

    def _lesson(self, number: int) -> Lesson:
        """What an update learns from: that of the update as many epochs before, if the mixtures are heard again."""
        epoch, k = divmod(number, self._options.updates_per_epoch)
        heard = self._phase.first_update + epoch // self._options.hearings * self._options.updates_per_epoch + k
        if (kept := self._kept.get(heard)) is not None:
            return kept
        if k == 0:
            self._kept.clear()
        examples = self._batch(heard)
        spectra, targets = prepare_batch(examples, self._device, self._teacher)
        lesson = Lesson(spectra, targets, torch.from_numpy(examples.clean).to(self._device))
        if self._options.hearings > 1:
            self._kept[heard] = lesson
        return lesson


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
    network = seeded(lambda: ConvFsenet(shape), seed)
    if dense is not None:
        weights = {name: value for name, value in dense.state_dict().items() if not name.startswith(GATES)}
        network.load_state_dict(weights, strict=False)
    return network
