"""Pruned inference as a device does it: one hop in, one hop out, and nothing computed for channels that are pruned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluators.enhancement.streaming import MaskStream
from evaluators.errors import EvaluationError
from evaluators.fsenet.folded import FoldedBlock, FoldedFsenet
from evaluators.fsenet.network import features
from evaluators.fsenet.rules import Rule
from evaluators.fsenet.shape import KERNEL
from evaluators.speech.sound import Samples
from evaluators.speech.stft import Spectrum


class StreamingFsenet(MaskStream):
    """A causal network at work on one stream; state is kept from hop to hop.

    Args:
        network: On the CPU.
        rules: Of its blocks, in order.

    Raises:
        EvaluationError: If the network is not causal.
    """

    def __init__(self, network: FoldedFsenet, rules: Sequence[Rule]) -> None:
        if not network.shape.is_causal:
            raise EvaluationError("a network that waits for later frames cannot run hop by hop; set `causal: true`")
        super().__init__()
        self._network = network
        self._blocks = [_StreamingBlock(b, rule) for b, rule in zip(network.blocks, rules, strict=True)]

    @property
    def n_kept(self) -> list[list[int]]:
        """For each block, channels kept in every frame so far."""
        return [block.n_kept for block in self._blocks]

    @property
    def weight_rows_read(self) -> int:
        """Filters of last layers read so far, one a channel and frame; every one has `hidden` weights and a bias."""
        return sum(map(sum, self.n_kept))

    @torch.inference_mode()
    def mask(self, spectrum: Spectrum) -> Samples:
        """Gains for the next frame, shape (n_bins,); states move on."""
        x = features(torch.from_numpy(spectrum), self._network.shape.features)
        x = self._network.front(x).relu_()
        for block in self._blocks:
            block.advance(x)
        gains: Samples = self._network.mask(x).numpy()
        return gains


class _StreamingBlock:
    """A block and the frames that it remembers."""

    def __init__(self, block: FoldedBlock, rule: Rule) -> None:
        self._block = block
        self._rule = rule
        n_hidden, n_channels = block.expand.weight.shape
        self._past = torch.zeros((KERNEL - 1) * block.dilation + 1, n_hidden)
        self._inputs = torch.zeros(block.gate.n_frames, n_channels)
        self._fixed = rule.fixed.nonzero()[:, 0]
        self._frame = 0
        self.n_kept: list[int] = []

    def advance(self, x: Tensor) -> None:
        """Add to the channels that are kept, in place; shape (bottleneck,)."""
        kept = self._kept(x)
        block, past = self._block, self._past
        past[self._frame % len(past)] = block.expand(x).relu_()
        # Tap k looks (KERNEL - 1 - k) dilations back.
        rows = [(self._frame - (KERNEL - 1 - k) * block.dilation) % len(past) for k in range(KERNEL)]
        hidden = (past[rows] * block.taps).sum(dim=0).add_(block.taps_bias).relu_()
        whole = len(kept) == len(x)
        # Only the filters of the kept channels are read.
        weight = block.contract.weight if whole else block.contract.weight.index_select(0, kept)
        bias = block.contract.bias if whole else block.contract.bias.index_select(0, kept)
        x.index_add_(0, kept, torch.addmv(bias, weight, hidden))
        self._frame += 1
        self.n_kept.append(len(kept))

    def _kept(self, x: Tensor) -> Tensor:
        """Numbers of the channels that are kept in this frame."""
        if self._rule.threshold is None:
            return self._fixed
        self._inputs[self._frame % len(self._inputs)] = x
        scores = self._block.gate.of_average(self._inputs.sum(dim=0) / len(self._inputs))
        return (scores > self._rule.threshold).nonzero()[:, 0]
