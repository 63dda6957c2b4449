"""A DEMUCS cut to a schedule as ONNX: the channels that it keeps and no others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evaluators.demucs.inference import Slices, run_schedules
from evaluators.demucs.network import EncoderBlock
from evaluators.demucs.schedules import Schedule
from evaluators.onnx_graph import OnnxGraph


def demucs_onnx(slices: Slices, schedule: Schedule, x: Tensor) -> bytes:
    """The content of a file that reads `input`, shape (1, 1, n_samples), and gives `output` of that shape.

    Both are sound at the network's rate and level, of whole steps of the bottleneck; resampling and the way to the
    level and back are not in the file.

    Args:
        slices: Of the network.
        schedule: Which channels are kept.
        x: To check the file with, shape (1, n_samples, 1).

    Raises:
        EvaluationError: If the file gives another output.
        MissingExtraError: If the extra `onnx` is not installed.
    """
    shape = slices.shape
    graph = OnnxGraph("slimmable_demucs")
    sizes = (1, 1, "samples")
    y = heard = graph.read("input", sizes)
    skips = []
    parts = list(zip(slices.blocks, shape.levels, schedule, strict=True))
    for k, (block, level, uf) in enumerate(parts):
        if k == shape.depth:
            y = _recurred(graph, slices.units, y)
        if isinstance(block, EncoderBlock):
            y = _encoded(graph, block, shape.n_kept(level, uf), y)
            skips.append(y)
        else:
            y = graph.node("Add", y, skips.pop())
            y = _decoded(graph, block.mix, block.conv, shape.n_kept(level, uf), y)
            y = y if k == len(parts) - 1 else graph.node("Relu", y)
    if shape.has_input_skip:
        y = graph.node("Add", y, heard)
    graph.write("output", y, sizes)
    (slimmed,) = run_schedules(slices, [schedule], x)
    expected = slimmed.y + x if shape.has_input_skip else slimmed.y
    channels_first = {"input": x.transpose(1, 2).numpy()}
    return graph.checked_file(channels_first, {"output": expected.transpose(1, 2).numpy()})


def _encoded(graph: OnnxGraph, block: EncoderBlock, n: int, x: str) -> str:
    conv, mix = block.conv, block.mix
    assert conv.bias is not None
    assert mix.bias is not None
    (kernel,), (stride,) = conv.kernel_size, conv.stride
    inner = graph.node(
        "Conv", x, _constant(graph, conv.weight[:n]), _constant(graph, conv.bias[:n]), strides=[stride],
        pads=[kernel - stride, 0],
    )  # fmt: skip
    inner = graph.node("Relu", inner)
    return _gated(graph, graph.node("Conv", inner, _constant(graph, mix.weight[:, :n]), _constant(graph, mix.bias)))


def _decoded(graph: OnnxGraph, mix: nn.Conv1d, conv: nn.ConvTranspose1d, n: int, x: str) -> str:
    assert conv.bias is not None
    assert mix.bias is not None
    (kernel,), (stride,) = conv.kernel_size, conv.stride
    weight = mix.weight.reshape(2, -1, mix.in_channels, 1)[:, :n].flatten(0, 1)
    bias = mix.bias.reshape(2, -1)[:, :n].flatten()
    inner = _gated(graph, graph.node("Conv", x, _constant(graph, weight), _constant(graph, bias)))
    taps, of_output = _constant(graph, conv.weight[:n]), _constant(graph, conv.bias)
    # What reaches beyond the last frame is cut off.
    return graph.node("ConvTranspose", inner, taps, of_output, strides=[stride], pads=[0, kernel - stride])


def _gated(graph: OnnxGraph, x: str) -> str:
    """A gated linear unit over the channels."""
    values, gates = graph.nodes("Split", x, n_outputs=2, axis=1, num_outputs=2)
    return graph.node("Mul", values, graph.node("Sigmoid", gates))


def _recurred(graph: OnnxGraph, units: tuple[nn.GRU, ...], x: str) -> str:
    """Recurrent units side by side, over x of shape (1, n_channels, n_steps)."""
    steps_first = graph.node("Transpose", x, perm=[2, 0, 1])
    parts = graph.nodes("Split", steps_first, n_outputs=len(units), axis=2, num_outputs=len(units))
    axis = [1]
    found = []
    for unit, part in zip(units, parts, strict=True):
        weights = [_constant(graph, _in_onnx_order(unit.get_parameter(f"weight_{p}_l0"))[None]) for p in ("ih", "hh")]
        biases = [_in_onnx_order(unit.get_parameter(f"bias_{p}_l0")) for p in ("ih", "hh")]
        bias = _constant(graph, torch.cat(biases)[None])
        states, _ = graph.nodes(
            "GRU", part, *weights, bias, n_outputs=2, hidden_size=unit.hidden_size, linear_before_reset=1
        )
        found.append(graph.node("Squeeze", states, graph.whole(axis)))
    return graph.node("Transpose", graph.node("Concat", *found, axis=2), perm=[1, 2, 0])


def _in_onnx_order(parameter: Tensor) -> Tensor:
    """Gates z, r, n, where PyTorch has r, z, n."""
    r, z, n = parameter.chunk(3)
    return torch.cat([z, r, n])


def _constant(graph: OnnxGraph, values: Tensor) -> str:
    return graph.constant(values.detach().numpy())
