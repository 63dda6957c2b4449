"""Confidence heads: how little going on would still change the mask, foretold from an exit's features.

The target is the change that the loss would see: the root mean square, over the bins of a frame, of the difference
between the compressed spectra that the exit's mask and the final one let through. A head is a linear function of the
features, fitted to the logarithm of that change by least squares. Its confidence is the share of calibration frames
that it is less sure of, so a threshold of 0.3 lets some 70 % of similar frames leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.training.spectral_loss import COMPRESSION

N_QUANTILES = 1001
RIDGE = 1e-4
"""Of the mean of the features' second moments: keeps silent units from blowing the weights up."""
SMALLEST_CHANGE = 1e-4
"""Changes below it sound alike; compressed spectra at the level of speech are of the order of 1."""


@dataclass(frozen=True)
class ConfidenceHead:
    """The head of one exit.

    Attributes:
        weight: Shape (n_features,), float32.
        bias: The score of features of 0.
        quantiles: Scores of calibration frames at evenly spaced shares from 0 to 1, rising, shape (N_QUANTILES,).
    """

    weight: NDArray[np.float32]
    bias: float
    quantiles: NDArray[np.float32]

    def scores(self, features: Tensor) -> Tensor:
        """Minus the natural logarithm of the change foretold, shape (...) for features (..., n_features)."""
        weight = torch.from_numpy(self.weight).to(features.device)
        return features @ weight + self.bias

    def score_threshold(self, threshold: float) -> float:
        """The score from which on a frame leaves: what a device compares with, for a threshold in (0, 1)."""
        return float(np.interp(threshold, np.linspace(0.0, 1.0, N_QUANTILES), self.quantiles))


def mask_change(mask: Tensor, final_mask: Tensor, spectra: Tensor) -> Tensor:
    """How much going on to the end changes what is heard.

    Args:
        mask: Of an exit, shape (..., n_bins).
        final_mask: Of the whole network, of the same shape.
        spectra: Noisy spectra, at the level of speech, of the same shape.

    Returns:
        Shape (...), at least 0.
    """
    change = mask.pow(COMPRESSION) - final_mask.pow(COMPRESSION)
    return (spectra.abs().pow(COMPRESSION) * change).square().mean(dim=-1).sqrt()


def fit_head(clips: Iterable[tuple[Tensor, Tensor]]) -> ConfidenceHead:
    """Fit a head by least squares.

    Args:
        clips: For each calibration clip, the features of its frames, shape (n_frames, n_features), and their changes,
            shape (n_frames,).
    """
    features, changes = (torch.cat(parts).double() for parts in zip(*clips, strict=True))
    targets = -changes.clamp_min(SMALLEST_CHANGE).log()
    mean, target_mean = features.mean(dim=0), targets.mean()
    centred = features - mean
    moments = centred.T @ centred
    ridge = RIDGE * moments.diagonal().mean() * torch.eye(len(moments), dtype=moments.dtype)
    weight = torch.linalg.solve(moments + ridge, centred.T @ (targets - target_mean)).float()
    bias = float(target_mean - mean @ weight.double())
    scores = (features.float() @ weight + bias).numpy()
    quantiles = np.quantile(scores, np.linspace(0.0, 1.0, N_QUANTILES)).astype(np.float32)
    return ConfidenceHead(weight.numpy(), bias, quantiles)
