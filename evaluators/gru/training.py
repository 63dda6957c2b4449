"""Trains the float GRU classifier once; an interrupted training goes on to the same weights."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from evaluators.data import ClassificationData
from evaluators.errors import EvaluationError
from evaluators.gru.network import GruNetwork
from evaluators.gru.tasks import fingerprint
from evaluators.gru.trainer import Trainer
from evaluators.gru.training_options import TrainingOptions
from evaluators.gru.weights import GruWeights
from evaluators.progress import Progress
from evaluators.storage import settings_hash
from evaluators.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from evaluators.training.threads import one_thread

WEIGHTS_FILE = "weights.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"
TRAINING_VERSION = 1
"""To be raised whenever the same options give other weights, so that kept ones are not used."""


def train(
    data: ClassificationData,
    hidden: int,
    layers: int,
    options: TrainingOptions,
    directory: Path,
    progress: Progress,
    device: str = "cpu",
    fresh: bool = False,
) -> GruWeights:
    """Train a network, and take it as it is after the epoch that did best on the validation split.

    The same arguments give the same weights on the same machine and device, whether or not the training was
    interrupted, and however many cores there are: see `one_thread`.

    Args:
        data: The task.
        hidden: Units of each layer.
        layers: GRU layers.
        options: How to train.
        directory: Keeps the finished weights and, until they are there, the state after each epoch. What was made by
            other data, sizes or options is not used and gets replaced.
        progress: Told about every epoch.
        device: `cpu` or `cuda`.
        fresh: Ignore what the directory holds.

    Raises:
        EvaluationError: If the training diverges, or a file in the directory is damaged.
        OSError: If it cannot be written.
    """
    made_by = {"version": TRAINING_VERSION, "data": fingerprint(data), "hidden": hidden, "layers": layers}
    key = settings_hash({**made_by, "options": options.model_dump()})
    weights_path, checkpoint_path = directory / WEIGHTS_FILE, directory / CHECKPOINT_FILE
    if fresh:
        weights_path.unlink(missing_ok=True)
        checkpoint_path.unlink(missing_ok=True)
    if (kept := read_checkpoint(weights_path, key)) is None:
        trainer = Trainer(data, hidden, layers, options, device)
        if (checkpoint := read_checkpoint(checkpoint_path, key)) is not None:
            trainer.restore(checkpoint)
        with one_thread():
            _run_epochs(trainer, options, checkpoint_path, key, progress)
        kept = Checkpoint(trainer.best, asdict(trainer.score))
        write_checkpoint(weights_path, key, kept)
        checkpoint_path.unlink(missing_ok=True)
    network = GruNetwork(data.n_features, hidden, layers, len(data.class_names))
    network.load_state_dict(kept.tensors)
    return network.to_weights()


def _run_epochs(trainer: Trainer, options: TrainingOptions, checkpoint: Path, key: str, progress: Progress) -> None:
    """Run the epochs that are left, writing the state after each."""
    progress.start("training", options.epochs, trainer.epochs_done)
    try:
        while trainer.epochs_done < options.epochs:
            report = trainer.run_epoch()
            if not math.isfinite(report.loss):
                raise EvaluationError(
                    f"the training diverged: its loss is {report.loss} in epoch {trainer.epochs_done}. "
                    f"Lower `learning_rate`, {options.learning_rate} now."
                )
            write_checkpoint(checkpoint, key, trainer.state())
            progress.advance(note=f"loss {report.loss:.3f}, validation {report.accuracy:.1%}")
    finally:
        progress.finish()
