"""A pruned Conv-FSENet as ONNX, with its gates and thresholds, or without the channels that are never kept."""

from __future__ import annotations

import torch
from torch import Tensor

from evaluators.fsenet.folded import FoldedBlock
from evaluators.fsenet.inference import Fixed
from evaluators.fsenet.rules import Rule
from evaluators.fsenet.shape import KERNEL
from evaluators.onnx_graph import OnnxGraph

ROUNDING = 1e-5
"""Scores as near to a threshold as this may fall on either side of it, as sums are added up in another order."""


def fsenet_onnx(pruned: Fixed, x: Tensor) -> bytes:
    """The content of a file that reads `features`, shape (1, n_frames, n_bins), and gives `gains` of that shape.

    Args:
        pruned: The network and its rules.
        x: Features of one utterance to check the file with, shape (n_frames, n_bins).

    Raises:
        EvaluationError: If the file gives other gains.
        MissingExtraError: If the extra `onnx` is not installed.
    """
    network = pruned.network
    graph = OnnxGraph("conv_fsenet")
    sizes = (1, "frames", x.shape[1])
    y = graph.node("Relu", graph.linear(graph.read("features", sizes), network.front.weight, network.front.bias))
    for block, rule in zip(network.blocks, pruned.rules, strict=True):
        y = graph.node("Add", y, _kept(graph, block, rule, y))
    gains = graph.node("Sigmoid", graph.linear(y, network.back.weight, network.back.bias))
    graph.write("gains", gains, sizes)
    frames = x[: _frames_without_ties(pruned, x)][None]
    expected, _ = pruned.run(frames[0])
    return graph.checked_file({"features": frames.numpy()}, {"gains": expected[None].numpy()})


def _kept(graph: OnnxGraph, block: FoldedBlock, rule: Rule, x: str) -> str:
    """What a block adds to its input."""
    hidden = graph.node("Relu", graph.linear(x, block.expand.weight, block.expand.bias))
    before = (KERNEL - 1) * block.dilation if block.is_causal else KERNEL // 2 * block.dilation
    filtered = graph.node(
        "Conv",
        graph.node("Transpose", hidden, perm=[0, 2, 1]),
        graph.constant(block.taps.T[:, None].numpy()),
        graph.constant(block.taps_bias.numpy()),
        group=block.taps.shape[1],
        dilations=[block.dilation],
        pads=[before, (KERNEL - 1) * block.dilation - before],
    )
    filtered = graph.node("Relu", graph.node("Transpose", filtered, perm=[0, 2, 1]))
    fixed = rule.fixed
    added = graph.linear(filtered, block.contract.weight[fixed].numpy(), block.contract.bias[fixed].numpy())
    if rule.threshold is not None:
        is_kept = graph.node("Greater", _scores(graph, block, x), graph.constant(rule.threshold))
        return graph.node("Mul", added, graph.node("Cast", is_kept, to=1))
    if bool(fixed.all()):
        return added
    # Channels that are not there are read from a zero behind the others.
    with_zero = graph.node("Pad", added, graph.whole([0, 0, 0, 0, 0, 1]))
    places = torch.where(fixed, fixed.cumsum(0) - 1, int(fixed.sum()))
    return graph.node("Gather", with_zero, graph.whole(places.tolist()), axis=2)


def _scores(graph: OnnxGraph, block: FoldedBlock, x: str) -> str:
    """See `gates.Gate`."""
    weights = {name: value.detach().numpy() for name, value in block.gate.state_dict().items()}
    scores = graph.constant(weights["scores"])
    if "squeeze.weight" not in weights:
        return scores
    n, later = block.gate.n_frames, 0 if block.is_causal else block.gate.n_frames // 2
    averaged = graph.node(
        "AveragePool",
        graph.node("Transpose", x, perm=[0, 2, 1]),
        kernel_shape=[n],
        pads=[n - 1 - later, later],
        count_include_pad=1,
    )
    squeezed = graph.linear(
        graph.node("Transpose", averaged, perm=[0, 2, 1]), weights["squeeze.weight"], weights["squeeze.bias"]
    )
    return graph.node("Add", graph.linear(graph.node("Relu", squeezed), weights["excite.weight"]), scores)


@torch.inference_mode()
def _frames_without_ties(pruned: Fixed, x: Tensor) -> int:
    """How many frames pass, but at least one, before a score comes too near to its threshold to compare by."""
    is_tied = torch.zeros(len(x), dtype=torch.bool)
    y = pruned.network.front(x[None]).relu_()
    for block, rule in zip(pruned.network.blocks, pruned.rules, strict=True):
        if rule.threshold is not None:
            is_tied |= ((block.scores(y)[0] - rule.threshold).abs() < ROUNDING).any(dim=-1)
        y = y + block.residual(y) * rule.kept(block, y)
    ties = is_tied.nonzero()
    return max(1, int(ties[0])) if len(ties) else len(x)
