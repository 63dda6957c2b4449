"""ONNX files, node by node, that are written only if ONNX Runtime computes from them what the network computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models.extras import are_installed, require
from evaluators.errors import EvaluationError

Array = NDArray[Any]
ONNX_FILE = "network.onnx"
TOLERANCE = 1e-4
"""Largest difference from what the network computes."""
OPERATOR_SET, FILE_VERSION = 18, 9
"""Of ONNX: old enough for tools of embedded vendors to read."""


def can_write_onnx() -> bool:
    """Whether the extra `onnx` is installed."""
    return are_installed("onnx", "onnxruntime")


class OnnxGraph:
    """A graph under construction; values are known by name.

    Args:
        name: Of the graph.

    Raises:
        MissingExtraError: If the extra `onnx` is not installed.
    """

    def __init__(self, name: str) -> None:
        self._onnx: Any = require("onnx", "an ONNX file", "onnx")
        self._name = name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def read(self, name: str, shape: Sequence[int | str], kind: type[np.generic] = np.float32) -> str:
        """An input; sizes that are known only when it runs have names."""
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, self._kind(kind), list(shape)))
        return name

    def constant(self, values: Any) -> str:
        """Values that are part of the file, in single precision."""
        return self._kept(np.asarray(values, dtype=np.float32))

    def whole(self, values: Sequence[int]) -> str:
        """Whole numbers that are part of the file, such as axes."""
        return self._kept(np.asarray(values, dtype=np.int64))

    def _kept(self, values: Array) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The only output of an operator of ONNX."""
        return self.nodes(operator, *inputs, n_outputs=1, **attributes)[0]

    def nodes(self, operator: str, *inputs: str, n_outputs: int, **attributes: Any) -> list[str]:
        """All outputs of an operator of ONNX."""
        names = [f"{operator.lower()}{len(self._nodes)}_{k}" for k in range(n_outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def linear(self, x: str, weight: Any, bias: Any | None = None) -> str:
        """A product with a weight of shape (n_outputs, n_inputs) over the last dimension, and a sum with a bias."""
        y = self.node("MatMul", x, self.constant(np.asarray(weight).T))
        return y if bias is None else self.node("Add", y, self.constant(bias))

    def write(self, name: str, value: str, shape: Sequence[int | str]) -> None:
        """An output, in single precision: a value under a name of its own."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, self._kind(np.float32), list(shape)))

    def checked_file(self, inputs: Mapping[str, Array], expected: Mapping[str, Array]) -> bytes:
        """The content of the file, once it gives what is expected.

        Raises:
            EvaluationError: If it does not, within `TOLERANCE`.
        """
        content = self._content()
        for name, found in run_onnx(content, inputs, list(expected)).items():
            difference = float(np.abs(found.astype(np.float64) - expected[name]).max(initial=0.0))
            if not difference <= TOLERANCE:
                raise EvaluationError(
                    f"the ONNX file of {self._name} differs from the network by {difference:.2g} in {name}, more than "
                    f"{TOLERANCE:g}; it is not written"
                )
        return content

    def _content(self) -> bytes:
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        operators = [helper.make_opsetid("", OPERATOR_SET)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=FILE_VERSION, producer_name="tinypareto")
        self._onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _kind(self, kind: type[np.generic]) -> int:
        number: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        return number


def run_onnx(content: bytes, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
    """What ONNX Runtime computes on one thread: output -> value.

    Raises:
        MissingExtraError: If the extra `onnx` is not installed.
    """
    runtime: Any = require("onnxruntime", "an ONNX file", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(list(outputs), dict(inputs)), strict=True))
