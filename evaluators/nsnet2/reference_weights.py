"""Reads trained nsNet2 weights as the NumPy archives that circulate hold them: the tensors of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.errors import DataError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import NsNet2Shape

Arrays = Mapping[str, NDArray[Any]]

_LINEAR = {
    "fc1.cell": ("onnx__MatMul_166", "fc1_bias"),
    "fc2": ("onnx__MatMul_207", "fc2_bias"),
    "fc3": ("onnx__MatMul_208", "fc3_bias"),
    "fc4": ("onnx__MatMul_209", "fc4_bias"),
}
_GRU = {
    "gru1.cell": ("onnx__GRU_184", "onnx__GRU_185", "onnx__GRU_186"),
    "gru2.cell": ("onnx__GRU_204", "onnx__GRU_205", "onnx__GRU_206"),
}
"""Layer -> input weights, recurrent weights, and both biases one after the other."""


def read_reference_weights(path: Path, shape: NsNet2Shape) -> dict[str, Tensor]:
    """The trunk's weights by the names that `NsNet2` gives them.

    Args:
        path: An `.npz` file.
        shape: Sizes that the weights must have.

    Raises:
        DataError: If the file is not there or damaged, lacks a tensor, or its tensors are of another shape.
    """
    arrays = _read(path)
    tensors: dict[str, Tensor] = {}
    for layer, (weight, bias) in _LINEAR.items():
        tensors |= {f"{layer}.weight": _tensor(arrays[weight].T), f"{layer}.bias": _tensor(arrays[bias])}
    for layer, (inputs, recurrent, biases) in _GRU.items():
        tensors[f"{layer}.weight_ih_l0"] = _tensor(_gates(arrays[inputs][0]))
        tensors[f"{layer}.weight_hh_l0"] = _tensor(_gates(arrays[recurrent][0]))
        for name, half in zip(("ih", "hh"), np.split(arrays[biases][0], 2), strict=True):
            tensors[f"{layer}.bias_{name}_l0"] = _tensor(_gates(half))
    _check_shapes(path, tensors, shape)
    return tensors


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise DataError("there is no such file", where=path, expected="nsNet2 weights as .npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (BadZipFile, ValueError, OSError, EOFError, AttributeError) as error:
        raise DataError(f"cannot be read: {error}", where=path, expected="nsNet2 weights as .npz") from error
    needed = [name for names in (*_LINEAR.values(), *_GRU.values()) for name in names]
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise DataError(f"has no tensor {missing[0]}", where=path, expected=", ".join(needed))
    dimensions = {name: 3 if name in {n for w in _GRU.values() for n in w[:2]} else 2 for name in needed}
    dimensions |= {bias: 1 for _, bias in _LINEAR.values()}
    for name, n in dimensions.items():
        if arrays[name].ndim != n or not np.issubdtype(arrays[name].dtype, np.floating):
            told = f"the tensor {name} is {arrays[name].dtype} of shape {arrays[name].shape}"
            raise DataError(told, where=path, expected=f"floating-point numbers in {n} dimensions")
    return arrays


def _gates(stacked: NDArray[Any]) -> NDArray[Any]:
    """From ONNX's order of the gates (update, reset, new) to PyTorch's (reset, update, new)."""
    update, reset, new = np.array_split(stacked, 3)
    return np.concatenate([reset, update, new])


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], shape: NsNet2Shape) -> None:
    with torch.device("meta"):
        wanted = NsNet2(shape.without_exits()).state_dict()
    for name, tensor in wanted.items():
        if tensors[name].shape != tensor.shape:
            told = f"{name} has the shape {tuple(tensors[name].shape)}"
            raise DataError(told, where=path, expected=f"{tuple(tensor.shape)}, as the study's sizes have it")
        if not torch.isfinite(tensors[name]).all():
            raise DataError(f"{name} holds values that are not finite", where=path)
