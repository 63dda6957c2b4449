"""One training of a quality predictor, in floating point or through few bits, that keeps its best epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from evaluators.quality.network import QualityNet, Rounding
from evaluators.quality.training_options import TrainingOptions
from evaluators.training.checkpoints import Checkpoint, restore_training, training_state, under
from evaluators.training.schedule import mixed_seed, share_of_peak

_BEST = "best."
_AT_ONCE = 32
"""Examples of a pass that only predicts."""


@dataclass(frozen=True)
class Examples:
    """Features with their labels.

    Attributes:
        features: int8, shape (n, n_frames, n_bands).
        labels: Quality, float32, shape (n,).
    """

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Teacher:
    """Whose scores a training aims at, beside the labels (G. Hinton et al., "Distilling the knowledge in a neural
    network", 2015): it hears the same crop, of which it tells more than a label of the whole window.

    Attributes:
        network: Trained, on the CPU.
        weight: Of its scores, from 0 to 1; the rest is that of the labels.
    """

    network: QualityNet
    weight: float

    @torch.no_grad()
    def target(self, heard: Tensor, labels: Tensor) -> Tensor:
        """What to aim at, shape (n,)."""
        if self.weight == 0:
            return labels
        return torch.lerp(labels, self.network(heard), self.weight)


@dataclass(frozen=True)
class Phase:
    """What tells trainings apart.

    Attributes:
        n_epochs: Its length, unless it stops early.
        learning_rate: Its peak.
        rounding: What has few bits; None: nothing.
        teacher: Of a fine-tuning.
    """

    n_epochs: int
    learning_rate: float
    rounding: Rounding | None = None
    teacher: Teacher | None = None


class QualityTrainer:
    """Adam on the squared error; the weights that count are those of the epoch with the best validation correlation.

    Randomness follows from the seed and the number of the update alone.

    Args:
        network: To be trained, in place.
        training: What to learn from.
        validation: Tells the best epoch, and when to stop.
        options: How to train.
        phase: Which training this is.
        device: Where to.
    """

    def __init__(
        self,
        network: QualityNet,
        training: Examples,
        validation: Examples,
        options: TrainingOptions,
        phase: Phase,
        device: str,
    ) -> None:
        self.network = network.to(device)
        self.epochs_done = 0
        self._training, self._validation = training, validation
        self._options, self._phase, self._device = options, phase, device
        self._optimizer = torch.optim.Adam(network.parameters(), lr=phase.learning_rate)
        self._best: dict[str, Tensor] = {}
        self._best_correlation, self._best_epoch = -np.inf, 0

    def run_epoch(self) -> Mapping[str, float]:
        """Learn from every example once, and compare with the best epoch so far."""
        self.network.train()
        losses = [self._update(number, batch) for number, batch in self._batches()]
        self.epochs_done += 1
        found = correlation(self._predicted(), self._validation.labels)
        if found > self._best_correlation:
            self._best_correlation, self._best_epoch = found, self.epochs_done
            self._best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        figures = {"loss": float(np.mean(losses)), "correlation": found}
        if self.epochs_done >= self._phase.n_epochs or self.epochs_done - self._best_epoch >= self._options.patience:
            self.epochs_done = self._phase.n_epochs
            self.network.load_state_dict(self._best)
        return figures

    def state(self) -> Checkpoint:
        """All that going on takes."""
        state = training_state(self.network, self._optimizer, self.epochs_done)
        best = {f"{_BEST}{name}": value for name, value in self._best.items()}
        facts = {"best_correlation": self._best_correlation, "best_epoch": self._best_epoch}
        return Checkpoint({**state.tensors, **best}, {**state.facts, **facts})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""
        self.epochs_done = restore_training(self.network, self._optimizer, checkpoint)
        self._best = dict(under(_BEST, checkpoint.tensors))
        self._best_correlation = checkpoint.facts["best_correlation"]
        self._best_epoch = checkpoint.facts["best_epoch"]

    def _batches(self) -> Iterator[tuple[int, Tensor]]:
        """The number of the update and the examples of each batch of this epoch."""
        size, n = self._options.batch_size, len(self._training)
        generator = torch.Generator().manual_seed(mixed_seed(self._options.seed, self.epochs_done))
        order = torch.randperm(n, generator=generator)
        first = self.epochs_done * -(-n // size)
        for k, start in enumerate(range(0, n, size)):
            yield first + k, order[start : start + size]

    def _update(self, number: int, batch: Tensor) -> float:
        n_updates = self._phase.n_epochs * -(-len(self._training) // self._options.batch_size)
        for group in self._optimizer.param_groups:
            group["lr"] = self._phase.learning_rate * share_of_peak(number / n_updates)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(self._options.seed, number + 1_000_000))
            heard = self._cropped(self._training.features[batch])
            heard = varied(heard, self._options.band_shift)
            predicted = self.network(heard.to(self._device), self._phase.rounding)
        target, teacher = self._training.labels[batch], self._phase.teacher
        if teacher is not None:
            target = teacher.target(heard, target)
        loss = nn.functional.mse_loss(predicted, target.to(self._device))
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        return loss.item()

    def _cropped(self, features: Tensor) -> Tensor:
        """The same frames of all examples of a batch."""
        n_frames = features.shape[1]
        n_heard = max(round(self._options.crop_share * n_frames), 1)
        start = int(torch.randint(n_frames - n_heard + 1, (1,)))
        return features[:, start : start + n_heard]

    @torch.no_grad()
    def _predicted(self) -> Tensor:
        self.network.eval()
        return predicted(self.network, self._validation.features, self._phase.rounding, self._device)


def varied(features: Tensor, band_shift: int) -> Tensor:
    """Each example with another voice, which its quality does not depend on.

    Args:
        features: int8, shape (n, n_frames, n_bands).
        band_shift: Bands that a spectrum is moved up or down at most; at the edges, the last band is repeated.

    Returns:
        Like `features`.
    """
    n, _, n_bands = features.shape
    if band_shift > 0:
        read = torch.arange(n_bands) + torch.randint(-band_shift, band_shift + 1, (n, 1, 1))
        features = features.gather(2, read.clamp(0, n_bands - 1).expand_as(features))
    return features


@torch.no_grad()
def predicted(network: QualityNet, features: Tensor, rounding: Rounding | None = None, device: str = "cpu") -> Tensor:
    """Scores by the network as it is trained, on the CPU, shape (n,)."""
    parts = [network(features[i : i + _AT_ONCE].to(device), rounding) for i in range(0, len(features), _AT_ONCE)]
    return torch.cat(parts).cpu()


def correlation(predicted: Tensor, true: Tensor) -> float:
    """Pearson correlation; -1 where predictions do not differ, so that any other epoch is better."""
    x, y = predicted - predicted.mean(), true - true.mean()
    size = (x.square().sum() * y.square().sum()).sqrt()
    return (x @ y / size).item() if size > 0 else -1.0
