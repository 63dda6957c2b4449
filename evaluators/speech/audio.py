"""Reads a recording as 16 kHz mono and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models.extras import require
from evaluators.errors import DataError
from evaluators.speech.levels import is_silent
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

SUFFIXES = (".wav", ".flac")
MIN_SECONDS = 0.3
"""PESQ needs a quarter of a second; a crop of less is of no use in training either."""
MAX_SECONDS = 3600.0
"""A whole recording is decoded at once: an hour takes 230 MB."""
MAX_CLIPPED_SHARE = 0.002
_FULL_SCALE = 0.999


def read_audio(path: Path, *, may_clip: bool = True) -> tuple[Samples, int]:
    """Read a WAV or FLAC file of any rate and number of channels; channels are averaged.

    Args:
        path: The file.
        may_clip: Whether a recording that was driven beyond full scale will do.

    Returns:
        Samples at `SAMPLE_RATE_HZ`, and the rate that the file has.

    Raises:
        DataError: If it cannot be read, is empty, too short or too long, silent, clipped or not finite.
        MissingExtraError: If a package is missing.
    """
    channels, rate_hz = _decode(path)
    if not np.isfinite(channels).all():
        raise DataError("holds samples that are not finite", where=path, advice="Convert it again or remove it")
    clipped = float(np.mean(np.abs(channels) >= _FULL_SCALE))
    if not may_clip and clipped > MAX_CLIPPED_SHARE:
        raise DataError(
            f"is clipped: {100 * clipped:.1f} % of its samples are at full scale or beyond",
            where=path,
            expected=f"at most {100 * MAX_CLIPPED_SHARE:g} %",
        )
    samples: Samples = channels.mean(axis=1, dtype=np.float32)
    if is_silent(samples):
        raise DataError("is silent", where=path, expected="a recording of something")
    return resampled(samples, rate_hz), rate_hz


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """The same sound at `SAMPLE_RATE_HZ`, from its beginning to its end; may overshoot full scale a little."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    soxr: Any = require("soxr", "resampling", "speech")
    result: Samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    return result


def n_channels(path: Path) -> int:
    """How many channels a readable file has.

    Raises:
        MissingExtraError: If a package is missing.
    """
    soundfile: Any = require("soundfile", "reading audio files", "speech")
    return int(soundfile.info(path).channels)


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples of shape (n_samples, n_channels), and their rate; the header is checked before anything is decoded."""
    soundfile: Any = require("soundfile", "reading audio files", "speech")
    try:
        with soundfile.SoundFile(path) as file:
            _check_duration(path, file.frames, file.samplerate)
            return file.read(dtype="float32", always_2d=True), int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise DataError(f"cannot be read: {error.error_string}", where=path, expected="a WAV or FLAC file") from error


def _check_duration(path: Path, n_samples: int, rate_hz: int) -> None:
    if n_samples == 0:
        raise DataError("holds no samples", where=path, expected="a recording")
    seconds = n_samples / rate_hz
    if seconds < MIN_SECONDS:
        raise DataError(f"is {seconds:.2f} s long", where=path, expected=f"at least {MIN_SECONDS:g} s")
    if seconds > MAX_SECONDS:
        raise DataError(
            f"is {seconds / 3600:.1f} h long",
            where=path,
            expected=f"at most {MAX_SECONDS / 3600:g} h",
            advice="Cut it into pieces",
        )
