"""One training of an early-exiting nsNet2, epoch by epoch, with all of its state in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from evaluators.errors import EvaluationError
from evaluators.nsnet2.exit_losses import draw_staying, exit_losses
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, Exit, NsNet2Shape
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.speech.mixtures import TrainingExamples, batch
from evaluators.speech.stft import log_power
from evaluators.training.checkpoints import Checkpoint, restore_training, training_state
from evaluators.training.schedule import mixed_seed, share_of_peak
from evaluators.training.spectral_loss import prepare_batch

TYPICAL_MEAN, TYPICAL_DEVIATION = -2.0, 1.7
"""Of log powers of noisy speech at usual levels: measured on built-in mixtures."""


class Trainer:
    """AdamW with a warmed-up cosine schedule.

    Randomness follows from the seed and the number of the update alone, so that what `state` gives is all that going on
    takes.

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
        self.network = _initialized(shape, options.seed, initial).to(device).train()
        self.epochs_done = 0
        self._examples = examples
        self._options = options
        self._device = device
        kept_layers = tuple(f"{layer}." for layer in options.kept_layers)
        self._kept = frozenset(name for name in initial or {} if name.startswith(kept_layers))
        if not self._trainable(("",)):
            raise EvaluationError("nothing to train: `kept_layers` are all layers, and there is no early exit")
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name not in self._kept)
        groups = _parameter_groups(self.network, initial or {}, options)
        self._optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)

    def run_epoch(self) -> Mapping[str, float]:
        """Make the updates of an epoch; exit -> mean loss over the epoch, of the exits that were trained."""
        options = self._options
        first = self.epochs_done * options.updates_per_epoch
        totals: dict[str, float] = {}
        for update in range(first, first + options.updates_per_epoch):
            for exit_, loss in self._update(update).items():
                totals[exit_] = totals.get(exit_, 0.0) + loss / options.updates_per_epoch
        self.epochs_done += 1
        return totals

    def state(self) -> Checkpoint:
        """All that going on takes."""
        return training_state(self.network, self._optimizer, self.epochs_done)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""
        self.epochs_done = restore_training(self.network, self._optimizer, checkpoint)

    def _update(self, update: int) -> dict[Exit, float]:
        """One step of the optimizer; the losses of the exits that it trains."""
        options, shape = self._options, self.network.shape
        trained, share_done = self._schedule(update)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * share_of_peak(share_done)
        indices = range(update * options.batch_size, (update + 1) * options.batch_size)
        spectra, targets = prepare_batch(batch(self._examples, indices), self._device)
        x = log_power(spectra)
        generator = torch.Generator().manual_seed(mixed_seed(options.seed, update))
        staying = draw_staying(shape.exits, len(x), x.shape[1], options.skipping, generator)
        found = exit_losses(self.network, x, targets, {exit_: s.to(self._device) for exit_, s in staying.items()})
        losses = [found.losses[exit_] for exit_ in trained]
        penalties = [found.regressions[exit_] for exit_ in trained if exit_ in found.regressions]
        total = torch.stack(losses).mean() + options.monotone_weight * sum(penalties, losses[0].new_zeros(()))
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), options.gradient_clip)
        self._optimizer.step()
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(seed, -1))
        network = NsNet2(shape)
    _standardize_inputs(network)
    if initial is not None:
        network.load_state_dict(dict(initial), strict=False)
        for exit_ in shape.exits if shape.is_split else ():
            if shape.n_features(exit_) == shape.n_outputs(exit_):
                network.exit_layer(exit_).load_state_dict(network.trunk(exit_).state_dict())
    return network


def _parameter_groups(network: NsNet2, initial: Mapping[str, Tensor], options: TrainingOptions) -> list[dict[str, Any]]:
    """Parameters by the peak of their learning rate: those that start from given weights, and all others."""
    named = list(network.named_parameters())
    warm = [parameter for name, parameter in named if name in initial]
    cold = [parameter for name, parameter in named if name not in initial]
    peaks = ((warm, options.learning_rate * options.warm_share), (cold, options.learning_rate))
    return [{"params": parameters, "peak": peak} for parameters, peak in peaks if parameters]


@torch.no_grad()
def _standardize_inputs(network: NsNet2) -> None:
    """Let the first layers begin as if log powers had mean 0 and deviation 1; no operation is added for it."""
    has_copy = "fc1" in network.copies
    for layer in (network.fc1, network.exit_layer("fc1")) if has_copy else (network.fc1,):
        assert isinstance(layer.cell, nn.Linear)
        weight, bias = layer.cell.weight, layer.cell.bias
        weight.div_(TYPICAL_DEVIATION)
        bias.sub_(TYPICAL_MEAN * weight.sum(dim=1))
