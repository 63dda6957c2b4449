"""Random frequency responses: other rooms and other microphones than those that a collection was recorded with."""

from __future__ import annotations

import numpy as np
from scipy.fft import next_fast_len

from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

KNOTS_HZ = (0.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Octaves: between them the gain, in dB, runs straight over the logarithm of the frequency."""

RINGING_SAMPLES = 2048


def equalized(rng: np.random.Generator, samples: Samples, largest_db: float) -> Samples:
    """The sound through a random filter without delay.

    Args:
        rng: Draws a gain for every octave.
        samples: Shape (n_samples,).
        largest_db: Bound of the gains.

    Returns:
        Of the same shape; its level changes.
    """
    gains_db = rng.uniform(-largest_db, largest_db, len(KNOTS_HZ))
    # Silence behind the sound keeps what the filter lets ring at the end from showing up at the beginning.
    n_points = next_fast_len(len(samples) + RINGING_SAMPLES, real=True)
    positions = np.log2(1.0 + np.fft.rfftfreq(n_points, 1.0 / SAMPLE_RATE_HZ))
    response_db = np.interp(positions, np.log2(1.0 + np.array(KNOTS_HZ)), gains_db)
    spectrum = np.fft.rfft(samples, n_points) * (10.0 ** (response_db / 20.0)).astype(np.float32)
    filtered: Samples = np.fft.irfft(spectrum, n_points)[: len(samples)].astype(np.float32)
    return filtered
