"""One phase of a training, of the backbone or of a router, update by update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from evaluators.demucs.aims import Aim
from evaluators.demucs.inference import Prepared
from evaluators.demucs.losses import balance_loss, efficiency_loss, spectral_loss, waveform_loss
from evaluators.demucs.network import SlimmableDemucs
from evaluators.demucs.router import Router, straight_through
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.schedules import Schedule, uniform
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.slices import sliced
from evaluators.demucs.training_options import TrainingOptions
from evaluators.speech.mixtures import Batch, TrainingExamples
from evaluators.training.schedule import mixed_seed
from evaluators.training.spectral_loss import level_gains
from evaluators.training.updates import UpdateTrainer, seeded

FIRST_OUTPUT = 0.1
"""How much smaller the last layer starts."""
Stage = Literal["router", "joint"]


class RoutedDemucs(nn.Module):
    """A network and its router."""

    def __init__(self, network: SlimmableDemucs, router: Router) -> None:
        super().__init__()
        self.network = network
        self.router = router


@dataclass(frozen=True)
class Heard:
    """A batch at the level of its speech.

    Attributes:
        prepared: The noisy sound as the network hears it.
        gains: What brings outputs to the level of the loss, shape (n_examples, 1).
        clean: What they should be there, shape (n_examples, n_samples).
        spectral_weight: Of the loss of spectra.
    """

    prepared: Prepared
    gains: Tensor
    clean: Tensor
    spectral_weight: float

    @classmethod
    def of(cls, examples: Batch, shape: DemucsShape, spectral_weight: float, device: str) -> Heard:
        """From the examples of an update."""
        gains = torch.from_numpy(level_gains(examples.clean)).to(device)[:, None]
        noisy, clean = (torch.from_numpy(part).to(device) for part in (examples.noisy, examples.clean))
        return cls(Prepared.of(shape, noisy), gains, gains * clean, spectral_weight)

    def loss(self, shape: DemucsShape, y: Tensor) -> Tensor:
        """Mean distance of what a network makes of it from what it should."""
        output = self.gains * self.prepared.sounds(shape, y, self.clean.shape[1])
        loss = waveform_loss(output, self.clean).mean()
        if self.spectral_weight > 0:
            loss = loss + self.spectral_weight * spectral_loss(output, self.clean).mean()
        return loss


class BackboneTrainer(UpdateTrainer[SlimmableDemucs]):
    """Learns the smallest factor, the largest, a random one and a random schedule in every update.

    Each has a quarter of the examples, and runs on the weights that it keeps and no others.

    Args:
        network: To be trained, in place.
        examples: What to learn from; each is heard once.
        options: How to train.
        device: Where to.
    """

    def __init__(
        self, network: SlimmableDemucs, examples: TrainingExamples, options: TrainingOptions, device: str
    ) -> None:
        super().__init__(network, examples, options, device, lambda name: options.learning_rate)
        self._options = options

    def _update(self, number: int) -> Mapping[str, float]:
        options, network = self._options, self.network
        heard = Heard.of(self._batch(number), network.shape, options.spectral_weight, self._device)
        slices = [sliced(network, of) for of in draw_schedules(network.shape, options.seed, number)]
        parts = heard.prepared.x.tensor_split(len(slices))
        encoded = [of.down(part) for of, part in zip(slices, parts, strict=True)]
        # The bottleneck is the same for all.
        recurred = network.recur(torch.cat([x for x, _ in encoded])).tensor_split(len(slices))
        decoded = [of.up(x, skips) for of, x, (_, skips) in zip(slices, recurred, encoded, strict=True)]
        loss = heard.loss(network.shape, torch.cat(decoded))
        self._step(loss, number / (options.epochs * options.updates_per_epoch))
        return {"loss": loss.item()}


class RouterTrainer(UpdateTrainer[RoutedDemucs]):
    """Learns to choose, by the masked form; figures of an epoch are the loss of the task and the mean factor.

    Args:
        routed: To be trained, in place.
        examples: What to learn from; each is heard once.
        options: How to train.
        stage: The router alone, or the network with it.
        aim: Where to.
        device: Where to train.
    """

    def __init__(
        self,
        routed: RoutedDemucs,
        examples: TrainingExamples,
        options: TrainingOptions,
        stage: Stage,
        aim: Aim,
        device: str,
    ) -> None:
        rates = {"router": options.router_learning_rate, "joint": options.joint_learning_rate}

        def peak(name: str) -> float:
            return 0.0 if stage == "router" and not name.startswith("router.") else rates[stage]

        super().__init__(routed, examples, options, device, peak)
        self._options = options
        self._aim = aim
        lengths = {"router": options.router_epochs, "joint": options.joint_epochs}
        self._n_updates = lengths[stage] * options.updates_per_epoch
        epochs_before = options.epochs + (options.router_epochs if stage == "joint" else 0)
        self._first = epochs_before * options.updates_per_epoch

    def _update(self, number: int) -> Mapping[str, float]:
        options, aim, routed = self._options, self._aim, self.network
        shape, update = routed.network.shape, self._first + number
        heard = Heard.of(self._batch(update), shape, options.spectral_weight, self._device)
        generator = torch.Generator().manual_seed(mixed_seed(options.seed, update))
        weights, soft = straight_through(routed.router(heard.prepared.leveled), options.temperature, generator)
        task = heard.loss(shape, routed.network(heard.prepared.x, [weights] * len(shape.blocks)))
        utilization = (weights.mean(dim=(0, 1)) * torch.tensor(shape.ufs).to(weights)).sum()
        towards = aim.beta * efficiency_loss(utilization, aim.utilization)
        balance = aim.gamma * balance_loss(soft.mean(dim=(0, 1)))
        self._step(task + towards + balance, number / self._n_updates)
        return {"loss": task.item(), "utilization": utilization.item()}


def draw_schedules(shape: DemucsShape, seed: int, number: int) -> list[Schedule]:
    """What the backbone learns in an update: smallest, largest, a random factor, and one for every block."""
    rng = np.random.default_rng([seed, number])
    ufs = shape.ufs
    mixed = tuple(ufs[k] for k in rng.integers(len(ufs), size=len(shape.blocks)))
    return [uniform(shape, ufs[0]), uniform(shape, ufs[-1]), uniform(shape, ufs[rng.integers(len(ufs))]), mixed]


def initialized(shape: DemucsShape, seed: int) -> SlimmableDemucs:
    """A network with random weights; one whose output is added to its input gives out little at first."""
    network = seeded(lambda: SlimmableDemucs(shape), seed)
    if shape.has_input_skip:
        with torch.no_grad():
            for parameter in network.decoder[-1].get_submodule("conv").parameters():
                parameter.mul_(FIRST_OUTPUT)
    return network


def with_router(network: SlimmableDemucs, sizes: RouterShape, seed: int) -> RoutedDemucs:
    """A copy of a network with a router of random weights."""
    routed = seeded(lambda: RoutedDemucs(SlimmableDemucs(network.shape), Router(network.shape, sizes)), seed)
    routed.network.load_state_dict(network.state_dict())
    return routed
