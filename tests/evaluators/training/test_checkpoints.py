"""Tensors and facts on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from evaluators.errors import EvaluationError
from evaluators.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint

TENSORS = {"a.b": torch.arange(6.0).view(2, 3).T, "step": torch.tensor(3.0), "none": torch.zeros(0, 2)}


def test_tensors_and_facts_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.safetensors"
    write_checkpoint(path, "key", Checkpoint(TENSORS, {"epochs": 3, "loss": 0.1 + 0.2, "name": "ü"}))
    found = read_checkpoint(path, "key")
    assert found is not None
    assert found.facts == {"epochs": 3, "loss": 0.1 + 0.2, "name": "ü"}
    assert set(found.tensors) == set(TENSORS)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in TENSORS.items())


def test_nothing_is_there(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "x.safetensors", "key") is None


def test_what_something_else_made_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, "key", Checkpoint(TENSORS, {}))
    assert read_checkpoint(path, "another") is None


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, "key", Checkpoint(TENSORS, {}))
    for content in (b"", path.read_bytes()[:-5], b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=r"x\.safetensors: cannot be read: .*Delete it to train again"):
            read_checkpoint(path, "key")
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(EvaluationError, match=r"x\.safetensors: cannot be read"):
        read_checkpoint(path, "key")
