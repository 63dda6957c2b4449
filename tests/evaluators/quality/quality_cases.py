"""Small predictors with random weights, and features to run them on."""

from __future__ import annotations

import torch
from torch import Tensor

from evaluators.quality.network import QualityNet
from evaluators.quality.shape import QualityShape

TINY = QualityShape(channels=(8, 12, 8, 16), hidden=8, n_bands=19, hop_samples=1970)
"""41 frames of 19 bands: odd sizes on the way down, and a map of twelve channels."""


def network(shape: QualityShape = TINY, seed: int = 0) -> QualityNet:
    """A predictor in evaluation whose maps are neither all on nor all off."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return QualityNet(shape).eval().requires_grad_(False)


def features(n: int, shape: QualityShape = TINY, seed: int = 0) -> Tensor:
    """Noise, int8, shape (n, n_frames, n_bands)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(n, shape.n_frames, shape.n_bands, generator=generator) * 40
    return drawn.round().clamp(-128, 127).to(torch.int8)
