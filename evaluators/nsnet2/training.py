"""Trains an early-exiting nsNet2 once; an interrupted training goes on to the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import NsNet2Shape
from evaluators.nsnet2.trainer import Trainer
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.progress import Progress
from evaluators.speech.mixtures import TrainingExamples
from evaluators.training.epochs import Files, trained_weights

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
    weights = trained_weights(
        lambda: Trainer(shape, examples, options, device, initial),
        options.epochs,
        Files(directory / WEIGHTS_FILE, directory / CHECKPOINT_FILE, key),
        progress,
        device,
        fresh,
    )
    network = NsNet2(shape)
    network.load_state_dict(weights)
    return network.eval()
