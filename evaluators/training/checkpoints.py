"""Weights and unfinished trainings on disk: safetensors files that are there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

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
