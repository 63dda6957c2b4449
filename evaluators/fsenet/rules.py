"""Rules that realize pruning ratios: which channels a block keeps, chosen on calibration data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.errors import EvaluationError
from evaluators.fsenet.folded import FoldedBlock
from evaluators.fsenet.pruning import Method, n_kept

SMALLEST_SPREAD = 1e-6
"""Scores of a channel whose middle half lies closer together are taken for constant."""
ENOUGH_FRAMES = 2_000
"""To see whether scores change."""
TOLERANCE = 0.01
"""Largest distance of the ratio met on calibration data from the one asked for."""


@dataclass(frozen=True)
class Rule:
    """Which channels a block keeps.

    Attributes:
        threshold: A channel is kept in the frames in which its score is above it; None: the channels are fixed.
        fixed: Which channels are kept, bool, shape (bottleneck,); with a threshold, all of them.
    """

    threshold: float | None
    fixed: Tensor

    def kept(self, block: FoldedBlock, x: Tensor, is_frame: Tensor | None = None) -> Tensor:
        """Which channels of which frames are kept, bool, broadcastable to the shape of x."""
        if self.threshold is None:
            return self.fixed
        return block.scores(x, is_frame) > self.threshold


def calibrated(name: str, block: FoldedBlock, method: Method, ratio: float, x: Tensor, is_frame: Tensor) -> Rule:
    """The rule by which a block meets a ratio on calibration data.

    Args:
        name: Of the block, for messages.
        block: The block.
        method: How channels are chosen.
        ratio: Share of the channels to prune, in [0, 1).
        x: Input of the block on calibration data, shape (n_sequences, n_frames, bottleneck).
        is_frame: Which frames there are, shape (n_sequences, n_frames).

    Raises:
        EvaluationError: If the scores do not tell frames apart, or so many are equal that the ratio cannot be met.
    """
    n_channels = x.shape[-1]
    if ratio == 0:
        return Rule(None, _all(n_channels))
    if method in ("static_magnitudes", "dense_magnitudes"):
        return Rule(None, _largest(block.contract.weight.norm(dim=1), n_kept(ratio, n_channels)))
    scores = block.scores(x, None if block.is_causal else is_frame)[is_frame]
    if method == "static_scores" or not hasattr(block.gate, "excite"):
        return Rule(None, _largest(scores.mean(dim=0), n_kept(ratio, n_channels)))
    if _spread(scores) < SMALLEST_SPREAD:
        raise EvaluationError(
            f"{name}: the gate's scores are the same in most of the {len(scores)} frames of the calibration data, so "
            "no threshold can tell them apart. Is the data silent?"
        )
    met, threshold = _threshold(ratio, scores.numpy().ravel())
    if abs(met - ratio) > TOLERANCE:
        raise EvaluationError(
            f"{name}: a pruning ratio of {ratio:g} cannot be met; so many scores are equal that {met:.3f} is nearest"
        )
    return Rule(threshold, _all(n_channels))


@cache
def _all(n_channels: int) -> Tensor:
    """Every channel; one for all rules, as thousands of small tensors that stay keep memory between them from reuse."""
    return torch.ones(n_channels, dtype=torch.bool)


def _spread(scores: Tensor) -> float:
    """How wide the middle half of a channel's scores is, at most, for scores of shape (n_frames, n_channels)."""
    some = scores[:: max(1, len(scores) // ENOUGH_FRAMES)].numpy()
    low, high = len(some) // 4, 3 * len(some) // 4
    parted = np.partition(some, (low, high), axis=0)
    return float((parted[high] - parted[low]).max())


def _threshold(ratio: float, scores: NDArray[np.float32]) -> tuple[float, float]:
    """The share of the scores that a threshold leaves out, as near to the ratio as they allow; and the threshold.

    Partitions instead of sorting, which took longer than the network itself.
    """
    k = max(round(ratio * scores.size) - 1, 0)
    lower = np.partition(scores, k)[: k + 1]
    wanted = lower[k]
    below = lower[lower < wanted]
    # Where scores are equal, pruning all of them or none may be nearer.
    found = [(int((scores <= wanted).sum()) / scores.size, float(wanted))]
    if below.size:
        found.append((below.size / scores.size, float(below.max())))
    return min(found, key=lambda each: abs(each[0] - ratio))


def _largest(values: Tensor, n: int) -> Tensor:
    """Which are the n largest; of equal ones, the first."""
    chosen = torch.zeros(len(values), dtype=torch.bool)
    chosen[torch.argsort(values, descending=True, stable=True)[:n]] = True
    return chosen
