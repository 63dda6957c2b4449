"""ONNX graphs: what they compute, and the gate before they are written."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.errors import EvaluationError
from evaluators.onnx_graph import OnnxGraph, run_onnx

X = np.array([[1.0, -2.0], [0.5, 4.0]], dtype=np.float32)


def graph() -> OnnxGraph:
    """y = relu(x W' + b), and its first column."""
    built = OnnxGraph("example")
    x = built.read("x", ("n", 2))
    y = built.node("Relu", built.linear(x, [[1.0, 2.0], [3.0, 0.0], [0.0, -1.0]], [0.0, -1.0, 1.0]))
    built.write("y", y, ("n", 3))
    built.write("first", built.node("Gather", y, built.whole([0]), axis=1), ("n", 1))
    return built


def test_a_graph_by_hand() -> None:
    expected = {
        "y": np.array([[0.0, 2.0, 3.0], [8.5, 0.5, 0.0]], dtype=np.float32),
        "first": np.array([[0.0], [8.5]], dtype=np.float32),
    }
    content = graph().checked_file({"x": X}, expected)
    found = run_onnx(content, {"x": X[:1]}, ["first", "y"])
    np.testing.assert_allclose(found["y"], expected["y"][:1])
    np.testing.assert_allclose(found["first"], expected["first"][:1])


@pytest.mark.parametrize("wrong", [1e-3, np.nan])
def test_a_file_that_computes_something_else_is_refused(wrong: float) -> None:
    expected = np.array([[0.0], [8.5 + wrong]], dtype=np.float32)
    with pytest.raises(EvaluationError, match=r"ONNX file of example differs from the network by .* in first"):
        graph().checked_file({"x": X}, {"first": expected})
