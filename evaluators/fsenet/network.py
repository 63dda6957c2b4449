"""Conv-FSENet: a mask from stacks of dilated depthwise separable convolutions, whose channels gates can prune.

Layout of all sequences: (n_sequences, n_frames, n_channels), so that a convolution of one tap is a matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluators.fsenet.depthwise import depthwise
from evaluators.fsenet.gates import Gate, step
from evaluators.fsenet.shape import KERNEL, Features, FsenetShape
from evaluators.fsenet.training_options import Surrogate
from evaluators.speech.stft import log_power
from evaluators.training.standardization import standardize_log_power


@dataclass(frozen=True)
class Gated:
    """What a network with gates makes of features.

    Attributes:
        mask: Gains, shape (n_sequences, n_frames, n_bins).
        kept: Share of the channels that each block's gate keeps, shape (n_blocks,).
    """

    mask: Tensor
    kept: Tensor


class Norm(nn.Module):
    """Batch norm and ReLU."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape; channels last."""
        normed: Tensor = self.norm(x.flatten(0, 1)).relu_()
        return normed.view_as(x)


class Block(nn.Module):
    """1x1, norm, ReLU, depthwise, norm, ReLU, 1x1; plus the input. Gates prune outputs of the last 1x1."""

    def __init__(self, shape: FsenetShape, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.is_causal = shape.is_causal
        self.expand = nn.Linear(shape.bottleneck, shape.hidden, bias=False)
        self.expand_norm = Norm(shape.hidden)
        self.taps = nn.Parameter(torch.empty(KERNEL, shape.hidden).uniform_(-1, 1) / KERNEL**0.5)
        self.taps_norm = Norm(shape.hidden)
        self.contract = nn.Linear(shape.hidden, shape.bottleneck)

    def residual(self, x: Tensor) -> Tensor:
        """What the block adds to its input, shape (n_sequences, n_frames, bottleneck)."""
        hidden = self.expand_norm(self.expand(x))
        hidden = self.taps_norm(depthwise(hidden, self.taps, self.dilation, self.is_causal))
        residual: Tensor = self.contract(hidden)
        return residual


class ConvFsenet(nn.Module):
    """A mask for the noisy spectrum.

    Args:
        shape: Sizes.
    """

    def __init__(self, shape: FsenetShape) -> None:
        super().__init__()
        self.shape = shape
        self.front = nn.Linear(shape.n_bins, shape.bottleneck)
        self.blocks = nn.ModuleList(Block(shape, dilation) for dilation in shape.block_dilations)
        self.back = nn.Linear(shape.bottleneck, shape.n_bins)
        # Made last, so that gates of every kind leave the other layers the same random weights.
        self.gates = nn.ModuleList(Gate(shape) for _ in shape.block_dilations)
        if shape.features == "log_power":
            standardize_log_power(self.front)

    def forward(self, x: Tensor) -> Tensor:
        """Gains with all channels, shape (n_sequences, n_frames, n_bins), from features of that shape."""
        x = self.front(x).relu()
        for block in self._blocks:
            x = x + block.residual(x)
        mask: Tensor = self.back(x).sigmoid()
        return mask

    def gated(self, x: Tensor, unpruned: Tensor, surrogate: Surrogate, slope: float) -> Gated:
        """The same with the channels that the gates keep.

        Args:
            x: Features, shape (n_sequences, n_frames, n_bins).
            unpruned: Which blocks of which sequences keep all channels whatever the gates say, shape
                (n_blocks, n_sequences).
            surrogate: Gradient of the gates' step function.
            slope: Of the surrogate gradient.
        """
        x = self.front(x).relu()
        kept = []
        for block, gate, whole in zip(self._blocks, self.gates, unpruned, strict=True):
            open_ = step(gate(x), surrogate, slope)
            kept.append(open_.mean())
            x = x + block.residual(x) * torch.where(whole[:, None, None], 1.0, open_)
        return Gated(self.back(x).sigmoid(), torch.stack(kept))

    @property
    def _blocks(self) -> Sequence[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]


def features(spectra: Tensor, kind: Features) -> Tensor:
    """What a network reads of complex spectra, real, of the same shape."""
    return log_power(spectra) if kind == "log_power" else spectra.abs()
