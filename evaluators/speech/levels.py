"""How loud speech and noise are, and how they are mixed at a signal-to-noise ratio.

Levels are in dB relative to full scale (dBFS) of the mean square: a square wave from -1 to 1 has 0 dBFS, a sine of that
height -3 dBFS.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evaluators.speech.sound import Samples

FRAME = 320
"""Samples of a frame: 20 ms at 16 kHz."""
MARGIN_DB = 15.9
"""How far below the active level a frame still counts as active; from ITU-T P.56."""
SILENCE_DBFS = -80.0
"""The noise of 16-bit quantization lies 20 dB below."""
MAX_PEAK = 0.99
MAX_BOOST_DB = 20.0
"""How far a quiet stretch of noise is lifted at most, compared with the recording that it comes from."""


def active_level_dbfs(samples: Samples) -> float:
    """Level of a recording without its pauses, after the idea of ITU-T P.56.

    All energy is taken to come from the active frames, and active are those within `MARGIN_DB` of the level that
    follows. P.56 applies the same rule to an envelope with a hangover of 200 ms; here it is frames of 20 ms, so pauses
    within words are left out as well and levels come out a little higher.

    Args:
        samples: Shape (n_samples,), at least one.

    Returns:
        dBFS; minus infinity for digital silence. Scaling by g adds 20 log10 |g|.
    """
    loudest_first = np.sort(_frame_energies(samples))[::-1]
    total = float(loudest_first.sum())
    if total == 0.0:
        return -math.inf
    n_active = np.arange(1, len(loudest_first) + 1)
    is_consistent = loudest_first * 10 ** (MARGIN_DB / 10) >= total / n_active
    # Some number always is: to fail at every k, k times the k-th energy must stay below total / 39, and such energies
    # do not add up to the total before there are e^38 of them.
    n = int(n_active[is_consistent][-1])
    return 10.0 * math.log10(total / (n * min(FRAME, len(samples))))


def is_silent(samples: Samples) -> bool:
    """Whether nothing can be heard, not even after amplification."""
    return active_level_dbfs(samples) < SILENCE_DBFS


def without_silent_ends(samples: Samples) -> Samples:
    """The recording from its first to its last frame that is not digital silence; all of it if every frame is."""
    is_heard = np.flatnonzero(_frame_energies(samples) > FRAME * 10 ** (SILENCE_DBFS / 10))
    if not len(is_heard):
        return samples
    return samples[is_heard[0] * FRAME : (is_heard[-1] + 1) * FRAME]


def amplified(samples: Samples, gain_db: float) -> Samples:
    """The same sound, louder by `gain_db`."""
    return samples * np.float32(10 ** (gain_db / 20))


def mix(
    clean: Samples,
    noise: Samples,
    *,
    snr_db: float,
    level_dbfs: float,
    clean_level_dbfs: float,
    noise_level_dbfs: float,
) -> tuple[Samples, Samples]:
    """Add noise to speech.

    The levels that count are those of the whole recordings, so a crop that falls into a pause stays quiet. A stretch of
    noise that is quieter than its recording is lifted, but not by more than `MAX_BOOST_DB`: the hiss between two barks
    of a dog should not become the noise.

    Args:
        clean: Speech, shape (n_samples,).
        noise: Of the same shape.
        snr_db: Active level of the speech above that of the noise.
        level_dbfs: Active level of the clean speech in the result.
        clean_level_dbfs: Active level of the recording that `clean` comes from.
        noise_level_dbfs: Active level of the recording that `noise` comes from.

    Returns:
        Noisy and clean speech; both are turned down alike where one would exceed `MAX_PEAK`.
    """
    stretch_dbfs = max(active_level_dbfs(noise), noise_level_dbfs - MAX_BOOST_DB)
    speech = amplified(clean, level_dbfs - clean_level_dbfs)
    noisy = speech + amplified(noise, level_dbfs - snr_db - stretch_dbfs)
    peak = max(float(np.abs(noisy).max()), float(np.abs(speech).max()))
    if peak > MAX_PEAK:
        guard = np.float32(MAX_PEAK / peak)
        noisy, speech = noisy * guard, speech * guard
    return noisy, speech


def _frame_energies(samples: Samples) -> NDArray[np.float64]:
    """Sums of squares, shape (n_frames,); zeros fill up the last frame."""
    n_whole = len(samples) // FRAME * FRAME
    frames = samples[:n_whole].reshape(-1, FRAME)
    energies = np.einsum("ij,ij->i", frames, frames, dtype=np.float64)
    rest = samples[n_whole:]
    return np.append(energies, np.dot(rest, rest).astype(np.float64)) if len(rest) else energies
