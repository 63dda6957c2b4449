"""One training of the float GRU classifier, epoch by epoch, with all of its state in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from evaluators.data import ClassificationData
from evaluators.gru.augmentation import augment
from evaluators.gru.network import GruNetwork, logits
from evaluators.gru.training_options import TrainingOptions
from evaluators.training.checkpoints import Checkpoint
from evaluators.training.schedule import share_of_peak


@dataclass(frozen=True, order=True)
class Score:
    """How a network does on the validation split after an epoch; the least one is the best.

    Attributes:
        n_wrong: Sequences classified wrongly.
        loss: Mean cross-entropy, in nats; decides between equal errors.
        epoch: Epochs done, from 1; the earliest of equals wins.
    """

    n_wrong: int
    loss: float
    epoch: int


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went.

    Attributes:
        loss: Mean cross-entropy over the train split while training, in nats.
        accuracy: Share of the validation split classified rightly afterwards, 0 to 1.
    """

    loss: float
    accuracy: float


class Trainer:
    """AdamW with a warmed-up cosine schedule, keeping the weights of the best epoch.

    Randomness follows from the seed and the number of the epoch alone, so that what `state` gives is all that going on
    takes.

    Args:
        data: The task.
        hidden: Units of each layer.
        layers: GRU layers.
        options: How to train.
        device: Where to.
    """

    def __init__(
        self, data: ClassificationData, hidden: int, layers: int, options: TrainingOptions, device: str
    ) -> None:
        network = GruNetwork(data.n_features, hidden, layers, len(data.class_names))
        self.network = network.initialize(_generator(options.seed, 0)).to(device)
        self.epochs_done = 0
        self.score = Score(len(data.splits["validation"]) + 1, math.inf, 0)
        self.best: dict[str, Tensor] = {}
        self._options = options
        self._validation = data.splits["validation"]
        train = data.splits["train"]
        self._x, self._lengths, self._labels = (
            torch.from_numpy(array).to(device) for array in (train.x, train.lengths, train.labels)
        )
        matrices = [p for p in network.parameters() if p.ndim == 2]
        vectors = [p for p in network.parameters() if p.ndim == 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        )

    def run_epoch(self) -> EpochReport:
        """Go once over the train split, then score on validation."""
        generator = _generator(self._options.seed, self.epochs_done + 1)
        order = torch.randperm(len(self._labels), generator=generator)
        total = 0.0
        for start in range(0, len(order), self._options.batch_size):
            progress = (self.epochs_done + start / len(order)) / self._options.epochs
            for group in self._optimizer.param_groups:
                group["lr"] = self._options.learning_rate * share_of_peak(progress)
            batch = order[start : start + self._options.batch_size].to(self._labels.device)
            total += self._update(batch, generator) * len(batch)
        self.epochs_done += 1
        score = self._validate()
        if score < self.score:
            self.score = score
            self.best = {name: value.clone() for name, value in self.network.state_dict().items()}
        return EpochReport(total / len(order), 1.0 - score.n_wrong / len(self._validation))

    def state(self) -> Checkpoint:
        """All that going on takes."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for k, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{k}.{name}": value for name, value in moments.items()}
        return Checkpoint(tensors, {"epochs_done": self.epochs_done, "best": asdict(self.score)})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""
        self.network.load_state_dict(_under("network.", checkpoint.tensors))
        self.best = _under("best.", checkpoint.tensors)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _under("optimizer.", checkpoint.tensors).items():
            k, _, name = key.partition(".")
            moments.setdefault(int(k), {})[name] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.epochs_done = checkpoint.facts["epochs_done"]
        self.score = Score(**checkpoint.facts["best"])

    def _update(self, batch: Tensor, generator: torch.Generator) -> float:
        """One step of the optimizer; the batch's mean loss."""
        lengths = self._lengths[batch]
        longest = math.ceil(int(lengths.max()) * (1.0 + self._options.augmentation.time_stretch))
        x, lengths = augment(self._x[batch, :longest], lengths, self._options.augmentation, generator)
        loss = cross_entropy(self.network(x, lengths), self._labels[batch])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._options.gradient_clip)
        self._optimizer.step()
        return loss.item()

    def _validate(self) -> Score:
        outputs = torch.from_numpy(logits(self.network, self._validation))
        labels = torch.from_numpy(self._validation.labels)
        n_wrong = int((outputs.argmax(dim=1) != labels).sum())
        return Score(n_wrong, cross_entropy(outputs, labels).item(), self.epochs_done)


def _generator(seed: int, epoch: int) -> torch.Generator:
    """Randomness of an epoch; epoch 0 is the drawing of initial weights."""
    # Seeds that differ in a few low bits give generators that start out alike; a hash-like mix keeps them apart.
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) * 0x9E3779B97F4A7C15 % 2**63)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
