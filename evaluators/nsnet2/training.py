"""Trains an early-exiting nsNet2 once; an interrupted training goes on to the same weights."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from evaluators.errors import EvaluationError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import NsNet2Shape
from evaluators.nsnet2.trainer import Trainer
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.progress import Progress
from evaluators.speech.mixtures import TrainingExamples
from evaluators.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from evaluators.training.threads import one_thread

WEIGHTS_FILE = "weights.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"
TRAINING_VERSION = 3
"""To be raised whenever the same options give other weights, so that kept ones are not used."""


def train(
    shape: NsNet2Shape,
    examples: TrainingExamples,
    options: TrainingOptions,
    directory: Path,
    key: str,
    progress: Progress,
    device: str = "cpu",
    initial: Mapping[str, Tensor] | None = None,
    fresh: bool = False,
) -> NsNet2:
    """Train a network, or take it from the directory.

    The same arguments give the same weights on the same machine and device, whether or not the training was
    interrupted.

    Args:
        shape: Sizes.
        examples: What to learn from.
        options: How to train.
        directory: Keeps the finished weights and, until they are there, the state after each epoch.
        key: Identity of all that decides the weights; what was made under another key gets replaced.
        progress: Told about every epoch.
        device: `cpu` or `cuda`.
        initial: Weights of the trunk to start from; None: random ones.
        fresh: Ignore what the directory holds.

    Returns:
        On the CPU, in evaluation.

    Raises:
        EvaluationError: If the training diverges, a file in the directory is damaged, or there is no such device.
        OSError: If it cannot be written.
    """
    weights_path, checkpoint_path = directory / WEIGHTS_FILE, directory / CHECKPOINT_FILE
    if fresh:
        weights_path.unlink(missing_ok=True)
        checkpoint_path.unlink(missing_ok=True)
    if (kept := read_checkpoint(weights_path, key)) is None:
        if device == "cuda" and not torch.cuda.is_available():
            raise EvaluationError("PyTorch finds no CUDA device here. Train on cpu, or install PyTorch with CUDA.")
        trainer = Trainer(shape, examples, options, device, initial)
        if (checkpoint := read_checkpoint(checkpoint_path, key)) is not None:
            trainer.restore(checkpoint)
        with one_thread():
            _run_epochs(trainer, options, checkpoint_path, key, progress)
        kept = Checkpoint(trainer.network.state_dict(), {})
        write_checkpoint(weights_path, key, kept)
        checkpoint_path.unlink(missing_ok=True)
    network = NsNet2(shape)
    network.load_state_dict({name: tensor.cpu() for name, tensor in kept.tensors.items()})
    return network.eval()


def _run_epochs(trainer: Trainer, options: TrainingOptions, checkpoint: Path, key: str, progress: Progress) -> None:
    """Run the epochs that are left, writing the state after each."""
    first, started = trainer.epochs_done, time.monotonic()
    progress.start("training", options.epochs)
    try:
        progress.advance(first)
        while trainer.epochs_done < options.epochs:
            losses = trainer.run_epoch().losses
            if not all(map(math.isfinite, losses.values())):
                raise EvaluationError(
                    f"the training diverged: its losses are {losses} in epoch {trainer.epochs_done}. "
                    f"Lower `learning_rate`, {options.learning_rate} now."
                )
            write_checkpoint(checkpoint, key, trainer.state())
            seconds_an_epoch = (time.monotonic() - started) / (trainer.epochs_done - first)
            seconds_left = seconds_an_epoch * (options.epochs - trainer.epochs_done)
            told = ", ".join(f"{exit_} {loss:.4f}" for exit_, loss in losses.items())
            progress.advance(note=f"loss {told}, {seconds_left:.0f} s left")
    finally:
        progress.finish()
