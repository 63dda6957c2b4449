"""A training on noisy speech, update by update, with all of its state in one place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from evaluators.speech.mixtures import Batch, TrainingExamples, batch
from evaluators.training.checkpoints import Checkpoint, restore_training, training_state
from evaluators.training.options import UpdateOptions
from evaluators.training.schedule import mixed_seed, share_of_peak

Network = TypeVar("Network", bound=nn.Module)


class UpdateTrainer(ABC, Generic[Network]):
    """AdamW with a warmed-up cosine schedule; a subclass says what one update learns.

    Randomness must follow from the seed and the number of the update alone, so that what `state` gives is all that
    going on takes.

    Args:
        network: To be trained, in place.
        examples: What to learn from; each is heard once.
        options: How to train.
        device: Where to.
        peak: Name of a parameter -> the peak of its learning rate; 0 leaves it as it is.
    """

    def __init__(
        self,
        network: Network,
        examples: TrainingExamples,
        options: UpdateOptions,
        device: str,
        peak: Callable[[str], float],
    ) -> None:
        self.network = network.to(device).train()
        self.epochs_done = 0
        self._examples = examples
        self._updates_per_epoch = options.updates_per_epoch
        self._batch_size = options.batch_size
        self._gradient_clip = options.gradient_clip
        self._device = device
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            rate = peak(name)
            parameter.requires_grad_(rate > 0)
            if rate > 0:
                groups.setdefault(rate, []).append(parameter)
        self._optimizer = torch.optim.AdamW(
            [{"params": parameters, "peak": rate} for rate, parameters in groups.items()],
            weight_decay=options.weight_decay,
        )

    def run_epoch(self) -> Mapping[str, float]:
        """Make the updates of an epoch; means of the figures that they give."""
        first = self.epochs_done * self._updates_per_epoch
        totals: dict[str, float] = {}
        for number in range(first, first + self._updates_per_epoch):
            for name, value in self._update(number).items():
                totals[name] = totals.get(name, 0.0) + value / self._updates_per_epoch
        self.epochs_done += 1
        return totals

    def state(self) -> Checkpoint:
        """All that going on takes."""
        return training_state(self.network, self._optimizer, self.epochs_done)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""
        self.epochs_done = restore_training(self.network, self._optimizer, checkpoint)

    @abstractmethod
    def _update(self, number: int) -> Mapping[str, float]:
        """Learn from one batch; figures to watch, the loss among them."""

    def _batch(self, number: int) -> Batch:
        """The examples of an update."""
        return batch(self._examples, range(number * self._batch_size, (number + 1) * self._batch_size))

    def _step(self, loss: Tensor, share_done: float) -> None:
        """One step of the optimizer, at the rate that belongs to a share of all updates."""
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * share_of_peak(share_done)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._gradient_clip)
        self._optimizer.step()


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """A network with random weights that follow from the seed of a training; other random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(seed, -1))
        return make()
