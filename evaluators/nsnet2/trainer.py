"""One training of an early-exiting nsNet2, epoch by epoch, with all of its state in one place."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from evaluators.errors import EvaluationError
from evaluators.nsnet2.exit_losses import draw_staying, exit_losses
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, Exit, NsNet2Shape
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.speech.mixtures import TrainingExamples
from evaluators.speech.stft import log_power
from evaluators.training.schedule import mixed_seed
from evaluators.training.spectral_loss import prepare_batch
from evaluators.training.standardization import standardize_log_power
from evaluators.training.updates import UpdateTrainer, seeded


class Trainer(UpdateTrainer[NsNet2]):
    """Trains all exits at once or one after the other; figures of an epoch are the losses of the exits trained.

    Args:
        shape: Sizes.
        examples: What to learn from; each is heard once.
        options: How to train.
        device: Where to.
        initial: Weights of the trunk to start from; None: random ones.

    Raises:
        EvaluationError: If no weight is free.
    """

    def __init__(
        self,
        shape: NsNet2Shape,
        examples: TrainingExamples,
        options: TrainingOptions,
        device: str,
        initial: Mapping[str, Tensor] | None = None,
    ) -> None:
        network = _initialized(shape, options.seed, initial)
        warm = frozenset(initial or {})
        kept = frozenset(name for name in warm if name.startswith(tuple(f"{layer}." for layer in options.kept_layers)))
        if all(name in kept for name, _ in network.named_parameters()):
            raise EvaluationError("nothing to train: `kept_layers` are all layers, and there is no early exit")

        def peak(name: str) -> float:
            return 0.0 if name in kept else options.learning_rate * (options.warm_share if name in warm else 1.0)

        super().__init__(network, examples, options, device, peak)
        self._options = options
        self._kept = kept

    def _update(self, number: int) -> dict[str, float]:
        """One step of the optimizer; the losses of the exits that it trains."""
        options, shape = self._options, self.network.shape
        trained, share_done = self._schedule(number)
        spectra, targets = prepare_batch(self._batch(number), self._device)
        x = log_power(spectra)
        generator = torch.Generator().manual_seed(mixed_seed(options.seed, number))
        staying = draw_staying(shape.exits, len(x), x.shape[1], options.skipping, generator)
        found = exit_losses(self.network, x, targets, {exit_: s.to(self._device) for exit_, s in staying.items()})
        losses = [found.losses[exit_] for exit_ in trained]
        penalties = [found.regressions[exit_] for exit_ in trained if exit_ in found.regressions]
        total = torch.stack(losses).mean() + options.monotone_weight * sum(penalties, losses[0].new_zeros(()))
        self._step(total, share_done)
        return {exit_: found.losses[exit_].item() for exit_ in trained}

    def _schedule(self, update: int) -> tuple[tuple[Exit, ...], float]:
        """The exits that an update trains, and the share of the updates of its phase that are done."""
        options = self._options
        exits: tuple[Exit, ...] = (*self.network.shape.exits, "final")
        n_updates = options.epochs * options.updates_per_epoch
        if options.scheme == "joint":
            return exits, update / n_updates
        modules = phase_modules(self.network.shape)
        phases = [exit_ for exit_ in exits if self._trainable(modules[exit_])]
        phase, done = divmod(update * len(phases), n_updates)
        trainable = self._trainable(modules[phases[phase]])
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name in trainable)
        return (phases[phase],), done / n_updates

    def _trainable(self, prefixes: tuple[str, ...]) -> frozenset[str]:
        """Names of the parameters of some modules, less those that are kept as they are."""
        named = (name for name, _ in self.network.named_parameters() if name.startswith(prefixes))
        return frozenset(named) - self._kept


def phase_modules(shape: NsNet2Shape) -> dict[Exit, tuple[str, ...]]:
    """Exit -> prefixes of the parameters that its phase of a layer-wise training trains; together all, none twice."""
    phases: dict[Exit, tuple[str, ...]] = {}
    waiting: list[str] = []
    for stage in EARLY_EXITS:
        if stage not in shape.exits:
            waiting.append(f"{stage}.")
        elif shape.is_split:
            phases[stage] = (*waiting, f"copies.{stage}.", f"masks.{stage}.")
            # The trunk's layer serves the next exit only.
            waiting = [f"{stage}."]
        else:
            phases[stage] = (*waiting, f"{stage}.", f"masks.{stage}.")
            waiting = []
    return {**phases, "final": (*waiting, "fc2.", "fc3.", "fc4.")}


def _initialized(shape: NsNet2Shape, seed: int, initial: Mapping[str, Tensor] | None) -> NsNet2:
    network = seeded(lambda: NsNet2(shape), seed)
    has_copy = "fc1" in network.copies
    for layer in (network.fc1, network.exit_layer("fc1")) if has_copy else (network.fc1,):
        assert isinstance(layer.cell, nn.Linear)
        standardize_log_power(layer.cell)
    if initial is not None:
        network.load_state_dict(dict(initial), strict=False)
        for exit_ in shape.exits if shape.is_split else ():
            if shape.n_features(exit_) == shape.n_outputs(exit_):
                network.exit_layer(exit_).load_state_dict(network.trunk(exit_).state_dict())
    return network
