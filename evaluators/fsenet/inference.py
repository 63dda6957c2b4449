"""Many prunings of one network on the same clips: blocks that begin alike are run once.

What a block adds to its input does not depend on which of its outputs are pruned. So whatever prunings have in common
from the first block on is computed once for all of them, and so is the block in which they part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from evaluators.fsenet.folded import FoldedFsenet
from evaluators.fsenet.pruning import Method
from evaluators.fsenet.rules import Rule, calibrated

Ratios = tuple[float, ...]
"""Of the blocks from the first one on."""
Chosen = Callable[[Ratios, Tensor], Rule]
"""The rule of the last block of a prefix, which reads an input."""


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
    network: FoldedFsenet, wanted: Sequence[Ratios], chosen: Chosen, x: Tensor, is_frame: Tensor
) -> Iterator[Pruned]:
    """Run every pruning, in rising order of their ratios.

    Args:
        network: The network.
        wanted: Without repeats.
        chosen: The rule of a block, from the ratios up to it and its input.
        x: Features, shape (n_sequences, n_frames, n_bins).
        is_frame: Which frames there are, shape (n_sequences, n_frames).
    """
    x = network.front(x).relu_()
    yield from _from_block(network, sorted(wanted), chosen, x, is_frame, ())


def _from_block(
    network: FoldedFsenet,
    wanted: Sequence[Ratios],
    chosen: Chosen,
    x: Tensor,
    is_frame: Tensor,
    n_kept: tuple[tuple[int, ...], ...],
) -> Iterator[Pruned]:
    depth = len(n_kept)
    if depth == len(network.blocks):
        yield Pruned(wanted[0], network.mask(x), n_kept)
        return
    block = network.blocks[depth]
    seen = None if block.is_causal else is_frame
    residual = block.residual(x, seen)
    for prefix, alike in groupby(wanted, key=lambda ratios: ratios[: depth + 1]):
        rule = chosen(prefix, x)
        kept = rule.kept(block, x, seen)
        n = tuple((kept & is_frame[..., None]).sum(dim=(0, 1)).tolist())
        following = x + residual * kept
        yield from _from_block(network, list(alike), chosen, following, is_frame, (*n_kept, n))


class Rules:
    """The rules of one network and method, found on calibration data as they are needed and kept.

    The threshold of a block follows from the ratios of the blocks before it, too: these change what the block hears.

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
        self._found: dict[Ratios, Rule] = {}

    def find(self, wanted: Sequence[Ratios]) -> None:
        """Find the rules of all blocks.

        Raises:
            EvaluationError: If a ratio cannot be met.
        """
        missing = [ratios for ratios in dict.fromkeys(wanted) if ratios not in self._found]
        for _ in run_pruned(self._network, missing, self._calibrated, self._x, self._is_frame):
            pass

    def __call__(self, prefix: Ratios, x: Tensor) -> Rule:
        """The rule of the last block of a prefix that was found."""
        return self._found[prefix]

    def of(self, ratios: Ratios) -> list[Rule]:
        """The rules of all blocks, in order."""
        self.find([ratios])
        return [self._found[ratios[: k + 1]] for k in range(len(ratios))]

    def _calibrated(self, prefix: Ratios, x: Tensor) -> Rule:
        if prefix not in self._found:
            k = len(prefix) - 1
            name, block = self._network.shape.blocks[k], self._network.blocks[k]
            self._found[prefix] = calibrated(name, block, self._method, prefix[k], x, self._is_frame)
        return self._found[prefix]
