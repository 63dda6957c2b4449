"""Trained quality predictors, in floating point and fine-tuned with few bits, kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from evaluators.data import Split
from evaluators.progress import Progress, Silent
from evaluators.quality.calibration import N_EXAMPLES, map_steps, start_of
from evaluators.quality.evaluation import scale_scores
from evaluators.quality.examples import LabelledData
from evaluators.quality.frontend import features_of
from evaluators.quality.network import QualityNet, Rounding
from evaluators.quality.rounded import Rounder
from evaluators.quality.shape import QualityShape
from evaluators.quality.trainer import Examples, Phase, QualityTrainer, Teacher, predicted
from evaluators.quality.training_options import TrainingOptions
from evaluators.quality.widths import Widths
from evaluators.speech.sound import Samples
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.epochs import Files, trained_weights
from evaluators.training.schedule import mixed_seed

N_VECTORS = 2
"""Windows that an export's test vectors are made of."""
FINE_TUNING_VERSION = 6
"""To be raised whenever the same float network is fine-tuned to other weights."""
ROUNDING_VERSION = 2
"""To be raised whenever the same weights are rounded to other scores."""
VERSION = 2
"""To be raised whenever the same options give other weights."""
_OF_WIDTHS = frozenset({"fine_tuned_map_bits", "fine_tuned_weight_bits"})
"""Options that say what is fine-tuned, and not how."""
_OF_FINE_TUNING = frozenset({"fine_tuning_epochs", "fine_tuning_rate", "distillation", "surrogate_slope"})
"""Options that the network in floating point does not depend on."""
_WEIGHT_BITS = 8
"""Of weights that fine-tuning leaves alone: rounded to so many afterwards, they are what was trained with."""
_UNSEEN = Silent()


@dataclass(frozen=True)
class PreparedData:
    """The examples of every split as features.

    Attributes:
        splits: Features and labels.
        names: Of the examples of each split.
        examples: A few windows of test speech, float32, shape (N_VECTORS, window_samples).
        fingerprint: Identity of all splits.
        training_fingerprint: Identity of what decides weights.
        description: One line for people.
        left_out: What could not be used.
    """

    splits: Mapping[Split, Examples]
    names: Mapping[Split, tuple[str, ...]]
    examples: Samples
    fingerprint: str
    training_fingerprint: str
    description: str
    left_out: str


def prepare_data(data: LabelledData, shape: QualityShape) -> PreparedData:
    """Turn speech into features."""
    return PreparedData(
        splits={
            split: Examples(features_of(part.waveforms, shape), torch.from_numpy(part.labels.copy()))
            for split, part in data.parts.items()
        },
        names={split: part.names for split, part in data.parts.items()},
        examples=np.array(data.test.waveforms[:N_VECTORS]),
        fingerprint=data.fingerprint,
        training_fingerprint=data.training_fingerprint,
        description=data.description,
        left_out=data.left_out,
    )


class Networks:
    """One network in floating point, and others fine-tuned from it when they are first asked for.

    The same arguments give the same weights on the same machine and device, wherever and in which order they are asked
    for, and whether or not a training was interrupted.

    Args:
        shape: Sizes.
        data: Examples.
        options: How to train.
        context: Cache, progress and device.
    """

    def __init__(self, shape: QualityShape, data: PreparedData, options: TrainingOptions, context: Context) -> None:
        self._shape, self._data, self._options, self._context = shape, data, options, context
        self._rounders: dict[Widths, Rounder] = {}
        self._scores: dict[Widths, Tensor] = {}
        phase = Phase(options.epochs, options.learning_rate)
        key = self._key("float", _OF_WIDTHS | _OF_FINE_TUNING)
        self.float_network = self._trained(_initialized(shape, data, options), phase, key, "training", context)
        # What is measured depends on every option, those of fine-tuning as well.
        versions = {"version": VERSION, "fine_tuning": FINE_TUNING_VERSION, "rounding": ROUNDING_VERSION}
        self.fingerprint = settings_hash(
            {**versions, "data": data.fingerprint, "float": key, "training": options.model_dump()}
        )

    def rounder(self, recipe: Widths, progress: Progress = _UNSEEN) -> Rounder:
        """What rounds the network of a recipe, trained unless it is in the cache.

        Args:
            recipe: What is fine-tuned.
            progress: Watches that; nobody does while a search shows its own.

        Raises:
            EvaluationError: If the training fails.
        """
        if recipe not in self._rounders:
            network, rounding = self._fine_tuned(recipe, replace(self._context, progress=progress))
            calibration = self._data.splits["calibration"].features
            self._rounders[recipe] = Rounder(network, map_steps(network, rounding, calibration))
            self._scores[recipe] = predicted(network, calibration[:N_EXAMPLES], rounding)
        return self._rounders[recipe]

    def scaled_rounder(self, recipe: Widths, wanted: Sequence[Widths]) -> Rounder:
        """The same, with the scores by some widths on the scale of those by the recipe.

        Raises:
            EvaluationError: If a training fails.
        """
        rounder = self.rounder(recipe)
        scale_scores(rounder, wanted, self._data.splits["calibration"].features[:N_EXAMPLES], self._scores[recipe])
        return rounder

    def _fine_tuned(self, recipe: Widths, context: Context) -> tuple[QualityNet, Rounding]:
        calibration = self._data.splits["calibration"].features
        start, rounding = start_of(self.float_network, recipe, calibration, self._options.surrogate_slope)
        if recipe.is_float:
            return start, rounding
        # So few bits do not learn the examples by heart.
        start.dropout = 0.0
        teacher = Teacher(self.float_network, self._options.distillation)
        phase = Phase(
            self._options.fine_tuning_epochs, self._options.fine_tuning_rate, rounding.of_weights(_WEIGHT_BITS), teacher
        )
        which = {"version": FINE_TUNING_VERSION, "maps": recipe.maps, "weights": recipe.weights}
        key = self._key(which, _OF_WIDTHS)
        return self._trained(start, phase, key, "fine-tuning", context), rounding

    def _trained(self, start: QualityNet, phase: Phase, key: str, label: str, context: Context) -> QualityNet:
        splits, options = self._data.splits, self._options
        folder = context.cache / "quality" / "networks" / key
        weights = trained_weights(
            lambda: QualityTrainer(start, splits["train"], splits["validation"], options, phase, context.device),
            phase.n_epochs,
            Files(folder / "weights.safetensors", folder / "checkpoint.safetensors", key),
            context.progress,
            context.device,
            context.fresh,
            label,
        )
        network = QualityNet(self._shape, options.dropout)
        network.load_state_dict(weights)
        return network.eval().requires_grad_(False)

    def _key(self, which: object, apart_from: Set[str]) -> str:
        training = self._options.model_dump(exclude={*apart_from})
        shape = {**vars(self._shape), "channels": list(self._shape.channels)}
        data = self._data.training_fingerprint
        return settings_hash({"version": VERSION, "data": data, "shape": shape, "training": training, "net": which})


def _initialized(shape: QualityShape, data: PreparedData, options: TrainingOptions) -> QualityNet:
    """Random weights; the first score of a network is the mean label."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(options.seed, -1))
        network = QualityNet(shape, options.dropout)
    labels: Tensor = data.splits["train"].labels
    with torch.no_grad():
        torch.nn.init.constant_(network.dense[-1].bias, labels.mean().item())  # type: ignore[arg-type]
    return network
