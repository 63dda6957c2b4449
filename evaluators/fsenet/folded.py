"""A trained Conv-FSENet as it is run: batch norms folded into the layers before them, and blocks that can be pruned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluators.fsenet.depthwise import depthwise
from evaluators.fsenet.gates import Gate
from evaluators.fsenet.network import Block, ConvFsenet
from evaluators.fsenet.shape import FsenetShape


@dataclass(frozen=True)
class Layer:
    """A convolution of one tap.

    Attributes:
        weight: Shape (n_outputs, n_inputs).
        bias: Shape (n_outputs,).
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Shape (..., n_outputs) for (..., n_inputs)."""
        return nn.functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class FoldedBlock:
    """A block without norms.

    Attributes:
        expand: First layer.
        taps: Of the depthwise convolution, shape (KERNEL, hidden).
        taps_bias: Its bias, shape (hidden,).
        contract: Last layer, whose outputs are pruned.
        gate: Scores the channels.
        dilation: Frames between two taps.
        is_causal: The last tap is at the current frame.
        trained: The same block with its norms.
    """

    expand: Layer
    taps: Tensor
    taps_bias: Tensor
    contract: Layer
    gate: Gate
    dilation: int
    is_causal: bool
    trained: Block

    def residual(self, x: Tensor, is_frame: Tensor | None = None) -> Tensor:
        """What the block adds to its input when nothing is pruned.

        Args:
            x: Shape (n_sequences, n_frames, bottleneck).
            is_frame: Which frames there are, shape (n_sequences, n_frames); needed where frames see later ones.
        """
        hidden = self.expand(x).relu_()
        if is_frame is not None:
            hidden *= is_frame[..., None]
        filtered = depthwise(hidden, self.taps, self.dilation, self.is_causal).add_(self.taps_bias).relu_()
        return self.contract(filtered)

    def scores(self, x: Tensor, is_frame: Tensor | None = None) -> Tensor:
        """Scores of the channels, of the shape of x."""
        return self.gate.scores_of(x if is_frame is None else x * is_frame[..., None])


@dataclass(frozen=True)
class FoldedFsenet:
    """A network without norms.

    Attributes:
        shape: Its sizes.
        front: First layer; ReLU follows.
        blocks: In order.
        back: Last layer; the logistic function follows.
    """

    shape: FsenetShape
    front: Layer
    blocks: tuple[FoldedBlock, ...]
    back: Layer

    def mask(self, x: Tensor) -> Tensor:
        """Gains from what the last block gives."""
        return self.back(x).sigmoid()


@torch.no_grad()
def folded(network: ConvFsenet) -> FoldedFsenet:
    """The same function as the network in evaluation."""
    network = network.eval()
    blocks = []
    for block, gate in zip(network.blocks, network.gates, strict=True):
        assert isinstance(block, Block)
        assert isinstance(gate, Gate)
        gate.requires_grad_(False)
        first, second = _affine(block.expand_norm.norm), _affine(block.taps_norm.norm)
        blocks.append(_folded_block(block, gate, first, second))
    return FoldedFsenet(network.shape, _layer(network.front), tuple(blocks), _layer(network.back))


def _layer(linear: nn.Linear) -> Layer:
    return Layer(linear.weight.detach(), linear.bias.detach())


@dataclass(frozen=True)
class _Affine:
    """What a norm multiplies with, and what it adds then."""

    scale: Tensor
    offset: Tensor


def _affine(norm: nn.BatchNorm1d, heard: Tensor | None = None) -> _Affine:
    """A norm by what it heard in training, or by what it hears here, shape (n_frames, n_channels)."""
    mean, variance = norm.running_mean, norm.running_var
    if heard is not None:
        variance, mean = torch.var_mean(heard, dim=0, correction=0)
    assert mean is not None
    assert variance is not None
    scale = norm.weight.detach() / (variance + norm.eps).sqrt()
    return _Affine(scale, norm.bias.detach() - scale * mean)


def _folded_block(block: Block, gate: Gate, first: _Affine, second: _Affine) -> FoldedBlock:
    return FoldedBlock(
        Layer(block.expand.weight.detach() * first.scale[:, None], first.offset),
        block.taps.detach() * second.scale,
        second.offset,
        _layer(block.contract),
        gate,
        block.dilation,
        block.is_causal,
        block,
    )
