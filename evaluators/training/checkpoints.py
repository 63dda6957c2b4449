"""Weights and unfinished trainings on disk: safetensors files that are there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from evaluators.errors import EvaluationError
from evaluators.storage import write_atomically

_HEADER = "tinypareto"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, on the CPU, and what else is to be known about them.

    Attributes:
        tensors: Name -> values.
        facts: What JSON can hold.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write_checkpoint(path: Path, key: str, checkpoint: Checkpoint) -> None:
    """Write one file, the facts as JSON in its header.

    Args:
        path: The file; replaced if there.
        key: Identity of what made the tensors.
        checkpoint: What to write.

    Raises:
        OSError: If it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    header = json.dumps({"key": key, "facts": dict(checkpoint.facts)}, allow_nan=False)
    # One entry, since several would come in an order that differs from file to file.
    write_atomically(path, save(tensors, metadata={_HEADER: header}))


def read_checkpoint(path: Path, key: str) -> Checkpoint | None:
    """Read a file back; None if there is none, or what made it has another key.

    Raises:
        EvaluationError: If the file is damaged or of another origin.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            if header["key"] != key:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Checkpoint(tensors, header["facts"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error!r}. Delete it to train again.") from error


def training_state(network: nn.Module, optimizer: Optimizer, epochs_done: int) -> Checkpoint:
    """All that going on with a training takes, if its randomness follows from the number of the update."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for k, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{k}.{name}": value for name, value in moments.items()}
    return Checkpoint(tensors, {"epochs_done": epochs_done})


def restore_training(network: nn.Module, optimizer: Optimizer, checkpoint: Checkpoint) -> int:
    """Put back what `training_state` gave; returns the epochs done."""
    network.load_state_dict(under("network.", checkpoint.tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.", checkpoint.tensors).items():
        k, _, name = key.partition(".")
        moments.setdefault(int(k), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    epochs_done: int = checkpoint.facts["epochs_done"]
    return epochs_done


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
