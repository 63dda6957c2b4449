"""The lean that brings a router to its target.

In training a factor is drawn by its probability; at inference the likeliest one is taken, and a router that drew the
smallest six times in ten would always take it. How far the decisions have to lean for the mean factor to be the target
is found on calibration clips, and becomes part of the router.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from evaluators.demucs.evaluation import Portion
from evaluators.demucs.router import decisions, leaning
from evaluators.demucs.routing import RoutedSlices

NEAR = 0.01
"""A router whose mean factor is so near to the target is left as it is."""
LARGEST_LEAN = 64.0
N_HALVINGS = 40


@torch.inference_mode()
def at_target(network: RoutedSlices, target: float, among: Sequence[Portion]) -> RoutedSlices:
    """The network with its router leaning such that the mean factor over time is as near to the target as it comes."""
    ufs = torch.tensor(network.slices.shape.ufs)
    logits = torch.cat([network.router(part.prepared.leveled)[part.is_step] for part in among])

    def excess(bias: float) -> float:
        return float(ufs[decisions(logits, bias)].mean()) - target

    if abs(excess(0.0)) <= NEAR:
        return network
    # The larger the bias, the larger each factor that is chosen.
    low, high = -LARGEST_LEAN, LARGEST_LEAN
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    nearest = min(low, high, key=lambda bias: abs(excess(bias)))
    return RoutedSlices(network.slices, leaning(network.router, nearest))
