"""A quality predictor as ONNX: in floating point, with the levels of its maps and the integers of its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.onnx_graph import OnnxGraph
from evaluators.quality.rounded import RoundedLayer, RoundedNet
from evaluators.quality.shape import KERNEL, POOL, QualityShape
from evaluators.quality.widths import FLOAT_BITS


def quality_onnx(
    network: RoundedNet, shape: QualityShape, features: NDArray[np.int8], scores: NDArray[np.float32]
) -> bytes:
    """The content of a file that reads `features`, int8, shape (n, n_frames, n_bands), and gives `score`, shape (n,).

    Args:
        network: What was measured.
        shape: Its sizes.
        features: To check the file with.
        scores: What the network makes of them.

    Raises:
        EvaluationError: If the file gives other scores.
        MissingExtraError: If the extra `onnx` is not installed.
    """
    graph = OnnxGraph("quality predictor")
    read = graph.read("features", ("n", *features.shape[1:]), np.int8)
    x = graph.node("Unsqueeze", graph.node("Cast", read, to=1), graph.whole([1]))
    last = network.convolutions[-1]
    for layer, bits, step in zip(network.convolutions, network.map_bits, network.steps, strict=True):
        sums = graph.node("Conv", x, graph.constant(layer.weights.numpy()), pads=[KERNEL // 2] * 4)
        if layer is last:
            sums = graph.node("GlobalMaxPool", sums)
        else:
            sums = graph.node("MaxPool", sums, kernel_shape=[POOL, POOL], strides=[POOL, POOL])
        x = _levels(graph, _scaled(graph, sums, layer, (1, -1, 1, 1)), bits, step)
    x = graph.node("Flatten", x)
    for layer in network.dense:
        products = graph.linear(x, layer.weights.numpy())
        x = _scaled(graph, products, layer, (1, -1))
        x = x if layer is network.dense[-1] else graph.node("Relu", x)
    graph.write("score", graph.node("Squeeze", x, graph.whole([1])), ("n",))
    return graph.checked_file({"features": features}, {"score": scores})


def _scaled(graph: OnnxGraph, sums: str, layer: RoundedLayer, shape: Any) -> str:
    scale, bias = (graph.constant(value.numpy().reshape(shape)) for value in (layer.scale, layer.bias))
    return graph.node("Add", graph.node("Mul", sums, scale), bias)


def _levels(graph: OnnxGraph, x: str, bits: int, step: float) -> str:
    """See `quantization.levels`."""
    if bits == FLOAT_BITS:
        return graph.node("Relu", x)
    zero = graph.constant(0.0)
    if bits == 1:
        return graph.node("Cast", graph.node("Greater", x, zero), to=1)
    rounded = graph.node("Round", graph.node("Div", x, graph.constant(step)))
    return graph.node("Clip", rounded, zero, graph.constant(2.0**bits - 1))
