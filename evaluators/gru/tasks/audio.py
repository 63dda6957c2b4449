"""Reads recordings of single words as samples at one rate."""

from __future__ import annotations

import importlib
import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.tasks.errors import DataError

Samples = NDArray[np.float32]
RATES_HZ = range(1000, 384001)
"""Sample rates that a recording of speech may have; a damaged header gives others."""


def read_audio(path: Path, sample_rate_hz: int) -> Samples:
    """A recording as one channel, several averaged, at the given rate.

    WAV is read by the standard library; FLAC needs the package soundfile.

    Returns:
        Samples in [-1, 1] (resampling may overshoot a little), shape (n_samples,), at least one.

    Raises:
        DataError: If the file cannot be read, is cut short or empty.
    """
    channels, rate_hz = _read_wav(path) if path.suffix.lower() == ".wav" else _read_by_soundfile(path)
    if not len(channels):
        raise DataError("holds no samples", where=path, expected="a recording", advice="Remove it")
    samples: Samples = channels.mean(axis=1, dtype=np.float32)
    if rate_hz not in RATES_HZ:
        raise DataError(
            f"has a sample rate of {rate_hz} Hz", where=path, expected=f"{RATES_HZ[0]} to {RATES_HZ[-1]} Hz"
        )
    if rate_hz == sample_rate_hz:
        return samples
    # Here, since it is slow to import and most recordings need no resampling.
    from scipy.signal import resample_poly

    divisor = math.gcd(rate_hz, sample_rate_hz)
    resampled: Samples = resample_poly(samples, sample_rate_hz // divisor, rate_hz // divisor).astype(np.float32)
    return resampled


def _read_wav(path: Path) -> tuple[Samples, int]:
    """Samples of shape (n_samples, n_channels), and their rate."""
    try:
        with wave.open(str(path), "rb") as file:
            n_channels, n_bytes, rate_hz, n_samples, *_ = file.getparams()
            content = file.readframes(n_samples)
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk that is larger than the file.
        reason = str(error) or "it ends too early"
        raise DataError(f"is not a WAV file that can be read: {reason}", where=path, expected="16-bit PCM") from error
    if n_bytes != 2:
        raise DataError(f"has {8 * n_bytes} bits a sample", where=path, expected="16-bit PCM", advice="Convert it")
    if len(content) != 2 * n_channels * n_samples:
        raise DataError(
            f"is cut short: {len(content) // (2 * n_channels)} samples",
            where=path,
            expected=f"{n_samples} as its header says",
            advice="Copy it again or remove it",
        )
    integers = np.frombuffer(content, dtype="<i2").reshape(-1, n_channels)
    return integers.astype(np.float32) / np.float32(32768), rate_hz


def _read_by_soundfile(path: Path) -> tuple[Samples, int]:
    """Samples of shape (n_samples, n_channels), and their rate."""
    try:
        soundfile = importlib.import_module("soundfile")
    except ImportError as error:
        raise DataError(
            "reading FLAC needs the package soundfile", where=path, advice='Run: pip install "tinypareto[speech]"'
        ) from error
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"cannot be read: {error}", where=path, expected="a FLAC file") from error
    return samples, int(rate_hz)
