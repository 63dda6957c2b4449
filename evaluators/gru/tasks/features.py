"""Log-mel features of short recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from evaluators.gru.tasks.audio import Samples
from evaluators.gru.tasks.options import FolderOptions

FLOOR_DB = -50.0
"""What is this far below the loudest band of a recording counts as silence."""
LOWEST_HZ = 60.0
"""Lower edge of the lowest band; hum and rumble lie below."""


class FeatureOptions(FolderOptions):
    """Options of tasks whose sequences are log-mel features of recordings."""

    sample_rate_hz: int = Field(default=8000, ge=4000, le=48000, description="recordings are resampled to this rate")
    n_mels: int = Field(default=20, ge=4, le=128, description="features: mel bands from 60 Hz to half the sample rate")
    window_ms: float = Field(default=25.0, gt=1.0, le=200.0, description="length of a spectrum's window")
    hop_ms: float = Field(default=10.0, gt=1.0, le=200.0, description="time from spectrum to spectrum")
    frames_per_step: int = Field(default=2, ge=1, le=50, description="spectra averaged into one step of a sequence")
    max_seconds: float = Field(
        default=1.0, gt=0.05, le=10.0, description="longer recordings are cut to their loudest stretch"
    )


def log_mel(samples: Samples, options: FeatureOptions) -> NDArray[np.float32]:
    """Log-mel spectrum in dB relative to the loudest band of the recording, so its level does not matter.

    Args:
        samples: Shape (n_samples,), at `options.sample_rate_hz`.
        options: Sizes of windows and bands.

    Returns:
        Values in [`FLOOR_DB`, 0], shape (n_steps, n_mels), at least one step; silence is all `FLOOR_DB`.
    """
    rate = options.sample_rate_hz
    window, hop = round(options.window_ms * rate / 1000), round(options.hop_ms * rate / 1000)
    loudest = _loudest_stretch(samples, max(window, round(options.max_seconds * rate)), hop)
    n_fft = 1 << (window - 1).bit_length()
    spectra = np.abs(np.fft.rfft(_frames(loudest, window, hop) * np.hanning(window + 2)[1:-1], n_fft)) ** 2
    steps = _averaged(spectra @ mel_filters(options.n_mels, n_fft, rate).T, options.frames_per_step)
    peak = steps.max()
    if peak <= 0.0:
        return np.full(steps.shape, FLOOR_DB, dtype=np.float32)
    floor = 10 ** (FLOOR_DB / 10)
    decibels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(steps / peak, floor))
    return decibels.astype(np.float32)


def mel_filters(n_mels: int, n_fft: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """Triangles of height 1, their corners equally far apart in mel (O'Shaughnessy, 1987), each a neighbour's peak.

    A band narrower than the spectrum's bins gets the bin nearest to its peak, so that none is empty.

    Returns:
        Weights of the spectrum's bins, shape (n_mels, n_fft // 2 + 1).
    """
    lowest, highest = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (LOWEST_HZ, sample_rate_hz / 2))
    corners_hz = 700.0 * (10.0 ** (np.linspace(lowest, highest, n_mels + 2) / 2595.0) - 1.0)
    bins_hz = np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    left, peak, right = (corners_hz[k : k + n_mels, None] for k in range(3))
    filters = np.maximum(0.0, np.minimum((bins_hz - left) / (peak - left), (right - bins_hz) / (right - peak)))
    empty = np.flatnonzero(filters.sum(axis=1) < 1e-9)
    filters[empty, np.abs(bins_hz - peak[empty]).argmin(axis=1)] = 1.0
    return filters


def _frames(samples: Samples, window: int, hop: int) -> NDArray[np.float64]:
    """Overlapping stretches, shape (n_frames, window); zeros fill up the last one."""
    n_frames = 1 + max(0, -(-(len(samples) - window) // hop))
    padded = np.zeros(window + (n_frames - 1) * hop)
    padded[: len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


def _loudest_stretch(samples: Samples, n_samples: int, hop: int) -> Samples:
    """The stretch of `n_samples` with the most energy, on a grid of `hop` samples."""
    if len(samples) <= n_samples:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    starts = np.arange(0, len(samples) - n_samples + 1, hop)
    start = int(starts[(energy[starts + n_samples] - energy[starts]).argmax()])
    return samples[start : start + n_samples]


def _averaged(frames: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Means of `n` frames after another; the last of as many as are left."""
    starts = np.arange(0, len(frames), n)
    counts = np.minimum(n, len(frames) - starts)
    sums: NDArray[np.float64] = np.add.reduceat(frames, starts, axis=0)
    return sums / counts[:, None]
