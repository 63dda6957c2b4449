"""What the network hears: log-mel energies in steps of 0.4 dB, as 8-bit integers, however loud a window is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.quality.shape import FFT_SAMPLES, QualityShape
from evaluators.speech.sound import SAMPLE_RATE_HZ

CENTRE_DB = -6.0
"""Level of a band at which a feature is 0, relative to the mean power of a window's bands; padding has it too."""
QUIETEST_DB = -90.0
"""The mean that a quieter window counts as having, relative to a full-scale sine, so that silence is heard as such."""
STEP_DB = 0.4
FEATURE_SCALE = 1 / 32
"""What the network multiplies features by; exact in floating point."""
_SMALLEST_POWER = 1e-12
_AT_ONCE = 64


def features_of(waveforms: Sequence[NDArray[np.float32]] | NDArray[np.float32], shape: QualityShape) -> Tensor:
    """Log-mel energies of windows of speech.

    A feature is (L - M - CENTRE_DB) / STEP_DB, rounded and limited to 8 bits, where L is the power of a mel band in dB,
    and M the mean power of all bands in all frames of the window: PESQ does not go by the level either. Eight bits are
    a choice of ours: products with them are sums of integers, which come out the same in any order.

    Args:
        waveforms: Each of `shape.window_samples` samples at 16 kHz.
        shape: Sizes.

    Returns:
        int8, shape (n, n_frames, n_bands).
    """
    parts = [
        _features(torch.from_numpy(np.array(waveforms[i : i + _AT_ONCE], dtype=np.float32)), shape)
        for i in range(0, len(waveforms), _AT_ONCE)
    ]
    return torch.cat(parts) if parts else torch.zeros((0, shape.n_frames, shape.n_bands), dtype=torch.int8)


def _features(waveforms: Tensor, shape: QualityShape) -> Tensor:
    window = torch.hann_window(FFT_SAMPLES)
    frames = waveforms.unfold(-1, FFT_SAMPLES, shape.hop_samples)
    spectrum = torch.fft.rfft(frames * window) / (window.sum() / 2)
    power = spectrum.abs().square() @ torch.from_numpy(mel_filters(shape.n_bands)).T
    levels = 10 * power.clamp_min(_SMALLEST_POWER).log10()
    mean = 10 * power.mean(dim=(1, 2), keepdim=True).clamp_min(_SMALLEST_POWER).log10()
    features: Tensor = ((levels - mean.clamp_min(QUIETEST_DB) - CENTRE_DB) / STEP_DB).round().clamp(-128, 127)
    return features.to(torch.int8)


@lru_cache(maxsize=8)
def mel_filters(n_bands: int) -> NDArray[np.float32]:
    """Triangles, their corners equally far apart on the mel scale 2595 log10(1 + f/700), from 0 to 8 kHz.

    Each side of a triangle is at least one bin wide: 120 bands are narrower than bins at the lowest frequencies.

    Returns:
        Weights of the bins, shape (n_bands, FFT_SAMPLES // 2 + 1).
    """
    highest = 2595 * np.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, n_bands + 2) / 2595) - 1)
    width = SAMPLE_RATE_HZ / FFT_SAMPLES
    bins = np.arange(FFT_SAMPLES // 2 + 1) * width
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - centre) / np.maximum(centre - low, width)
    falling = (centre - bins) / np.maximum(high - centre, width)
    filters: NDArray[np.float32] = np.maximum(0, 1 + np.minimum(rising, falling)).astype(np.float32)
    return filters
