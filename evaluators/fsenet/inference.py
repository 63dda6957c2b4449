"""Many prunings of one network on the same clips: blocks that begin alike are run once.

What a block adds to its input does not depend on which of its outputs are pruned. So whatever prunings have in common
from the first block on is computed once for all of them, and so is the block in which they part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from evaluators.fsenet.folded import FoldedBlock, FoldedFsenet
from evaluators.fsenet.pruning import Method
from evaluators.fsenet.rules import Rule, calibrated

Ratios = tuple[float, ...]
"""Of the blocks from the first one on."""


class Choice(Protocol):
    """What the blocks are, and which channels they keep; both depend on what comes before them."""

    def block(self, before: Ratios, x: Tensor) -> FoldedBlock:
        """The block that follows blocks of some ratios, and reads their output."""

    def rule(self, prefix: Ratios, x: Tensor) -> Rule:
        """The rule of the last block of a prefix, which reads an input."""


@dataclass(frozen=True)
class Fixed:
    """One pruned network: the same rules whatever the ratios.

    Attributes:
        network: Whose blocks these are.
        rules: Of its blocks, in order.
    """

    network: FoldedFsenet
    rules: Sequence[Rule]

    def block(self, before: Ratios, x: Tensor) -> FoldedBlock:
        """The network's."""
        return self.network.blocks[len(before)]

    def rule(self, prefix: Ratios, x: Tensor) -> Rule:
        """The rule of that place."""
        return self.rules[len(prefix) - 1]

    @torch.inference_mode()
    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Gains of one utterance, and for each block which channels it keeps in each frame.

        Args:
            x: Features, shape (n_frames, n_bins).

        Returns:
            Shape (n_frames, n_bins), and bool tensors of shape (n_frames, bottleneck).
        """
        y = self.network.front(x[None]).relu_()
        kept = []
        for block, rule in zip(self.network.blocks, self.rules, strict=True):
            kept.append(rule.kept(block, y).expand(y.shape)[0])
            y = y + block.residual(y) * kept[-1]
        return self.network.mask(y)[0], kept


@dataclass(frozen=True)
class Pruned:
    """What a pruned network makes of some clips.

    Attributes:
        ratios: Asked for.
        mask: Gains, shape (n_sequences, n_frames, n_bins).
        n_kept: For each block, in how many frames it kept each of its channels.
    """

    ratios: Ratios
    mask: Tensor
    n_kept: tuple[tuple[int, ...], ...]


@torch.inference_mode()
def run_pruned(
    network: FoldedFsenet, wanted: Sequence[Ratios], choice: Choice, x: Tensor, is_frame: Tensor
) -> Iterator[Pruned]:
    """Run every pruning, in rising order of their ratios.

    Args:
        network: Its first and last layer.
        wanted: Without repeats.
        choice: Its blocks and their rules.
        x: Features, shape (n_sequences, n_frames, n_bins).
        is_frame: Which frames there are, shape (n_sequences, n_frames).
    """
    x = network.front(x).relu_()
    yield from _from_block(network, sorted(wanted), choice, x, is_frame, ())


def _from_block(
    network: FoldedFsenet,
    wanted: Sequence[Ratios],
    choice: Choice,
    x: Tensor,
    is_frame: Tensor,
    n_kept: tuple[tuple[int, ...], ...],
) -> Iterator[Pruned]:
    depth = len(n_kept)
    if depth == len(network.blocks):
        yield Pruned(wanted[0], network.mask(x), n_kept)
        return
    block = choice.block(wanted[0][:depth], x)
    seen = None if block.is_causal else is_frame
    residual = block.residual(x, seen)
    for prefix, alike in groupby(wanted, key=lambda ratios: ratios[: depth + 1]):
        rule = choice.rule(prefix, x)
        kept = rule.kept(block, x, seen)
        n = tuple(_n_frames(kept, is_frame))
        following = torch.addcmul(x, residual, kept)
        yield from _from_block(network, list(alike), choice, following, is_frame, (*n_kept, n))


def _n_frames(kept: Tensor, is_frame: Tensor) -> list[int]:
    """In how many of the frames that there are each channel is kept."""
    if kept.dim() == 1:
        return (kept * is_frame.sum()).tolist()
    return kept[is_frame].sum(dim=0).tolist()


class Rules:
    """The blocks and rules of one network and method, found on calibration data as they are needed and kept.

    The norms and the threshold of a block follow from the ratios of the blocks before it, too: these change what the
    block hears.

    Args:
        network: The network.
        method: How channels are chosen.
        x: Features of calibration clips, shape (n_sequences, n_frames, n_bins).
        is_frame: Which frames there are, shape (n_sequences, n_frames).
    """

    def __init__(self, network: FoldedFsenet, method: Method, x: Tensor, is_frame: Tensor) -> None:
        self._network = network
        self._method = method
        self._x = x
        self._is_frame = is_frame
        self._blocks: dict[Ratios, FoldedBlock] = {}
        self._rules: dict[Ratios, Rule] = {}

    def find(self, wanted: Sequence[Ratios]) -> None:
        """Find the rules of all blocks.

        Raises:
            EvaluationError: If a ratio cannot be met.
        """
        missing = [ratios for ratios in dict.fromkeys(wanted) if ratios not in self._rules]
        if not missing:
            return
        for _ in run_pruned(self._network, missing, _Finding(self), self._x, self._is_frame):
            pass

    def block(self, before: Ratios, x: Tensor) -> FoldedBlock:
        """The block that follows blocks of ratios that were found."""
        return self._blocks[before]

    def rule(self, prefix: Ratios, x: Tensor) -> Rule:
        """The rule of the last block of a prefix that was found."""
        return self._rules[prefix]

    def of(self, ratios: Ratios) -> Fixed:
        """The network as these ratios leave it, and the rules of all blocks."""
        self.find([ratios])
        prefixes = [ratios[:k] for k in range(len(ratios) + 1)]
        blocks = tuple(self._blocks[before] for before in prefixes[:-1])
        return Fixed(replace(self._network, blocks=blocks), [self._rules[prefix] for prefix in prefixes[1:]])

    def find_block(self, before: Ratios, x: Tensor) -> FoldedBlock:
        """The same as `block`, found on its input on calibration data unless that was done before."""
        if before not in self._blocks:
            self._blocks[before] = self._network.blocks[len(before)]
        return self._blocks[before]

    def find_rule(self, prefix: Ratios, x: Tensor) -> Rule:
        """The same as `rule`, found on the block's input on calibration data unless that was done before."""
        if prefix not in self._rules:
            k = len(prefix) - 1
            name, block = self._network.shape.blocks[k], self._blocks[prefix[:-1]]
            self._rules[prefix] = calibrated(name, block, self._method, prefix[k], x, self._is_frame)
        return self._rules[prefix]


@dataclass(frozen=True)
class _Finding:
    """Rules while they are found."""

    rules: Rules

    def block(self, before: Ratios, x: Tensor) -> FoldedBlock:
        return self.rules.find_block(before, x)

    def rule(self, prefix: Ratios, x: Tensor) -> Rule:
        return self.rules.find_rule(prefix, x)
