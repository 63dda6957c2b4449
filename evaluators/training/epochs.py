"""Runs a training epoch by epoch, with its state on disk after each, so that it can be interrupted at any moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from evaluators.errors import EvaluationError
from evaluators.progress import Progress
from evaluators.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from evaluators.training.threads import one_thread


class Trainer(Protocol):
    """One training, all of its state in one place."""

    epochs_done: int

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def run_epoch(self) -> Mapping[str, float]:
        """Make the updates of an epoch; figures to watch, the mean loss among them."""

    def state(self) -> Checkpoint:
        """All that going on takes."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `state` gave."""


@dataclass(frozen=True)
class Files:
    """Where a training keeps what it made.

    Attributes:
        weights: The finished weights.
        checkpoint: The state after an epoch, until the weights are there.
        key: Identity of all that decides the weights; what was made under another key gets replaced.
    """

    weights: Path
    checkpoint: Path
    key: str


def trained_weights(
    make_trainer: Callable[[], Trainer],
    n_epochs: int,
    files: Files,
    progress: Progress,
    device: str,
    fresh: bool,
    label: str = "training",
) -> dict[str, Tensor]:
    """The weights at the end of a training, or as they are on disk; on the CPU.

    Raises:
        EvaluationError: If the training diverges, a file is damaged, or there is no such device.
        OSError: If a file cannot be written.
    """
    if fresh:
        files.weights.unlink(missing_ok=True)
        files.checkpoint.unlink(missing_ok=True)
    if (kept := read_checkpoint(files.weights, files.key)) is None:
        if device == "cuda" and not torch.cuda.is_available():
            raise EvaluationError("PyTorch finds no CUDA device here. Train on cpu, or install PyTorch with CUDA.")
        trainer = make_trainer()
        if (checkpoint := read_checkpoint(files.checkpoint, files.key)) is not None:
            trainer.restore(checkpoint)
        with one_thread():
            _run_epochs(trainer, n_epochs, files, progress, label)
        kept = Checkpoint(trainer.network.state_dict(), {})
        write_checkpoint(files.weights, files.key, kept)
        files.checkpoint.unlink(missing_ok=True)
    return {name: tensor.cpu() for name, tensor in kept.tensors.items()}


def _run_epochs(trainer: Trainer, n_epochs: int, files: Files, progress: Progress, label: str) -> None:
    """Run the epochs that are left, writing the state after each."""
    first, started = trainer.epochs_done, time.monotonic()
    progress.start(label, n_epochs)
    try:
        progress.advance(first)
        while trainer.epochs_done < n_epochs:
            found = trainer.run_epoch()
            if not all(map(math.isfinite, found.values())):
                raise EvaluationError(
                    f"the {label} diverged: in epoch {trainer.epochs_done}, {dict(found)}. Lower its learning rate."
                )
            write_checkpoint(files.checkpoint, files.key, trainer.state())
            seconds_an_epoch = (time.monotonic() - started) / (trainer.epochs_done - first)
            told = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
            progress.advance(note=f"{told}, {seconds_an_epoch * (n_epochs - trainer.epochs_done):.0f} s left")
    finally:
        progress.finish()
