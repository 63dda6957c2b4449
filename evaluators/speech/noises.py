"""Noise made from random numbers; the same generator state gives the same noise.

Each kind has parameters of its own (colour, pitch, rate of bursts, ...) that are drawn as well, so that sources of one
kind differ as recordings of one class do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from evaluators.speech.levels import active_level_dbfs, amplified
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

LEVEL_DBFS = -26.0
BABBLE_VOICES = (4, 6)
"""Fewest and most voices that talk at the same time."""
_Signal = NDArray[np.float64]


def white(rng: np.random.Generator, n_samples: int) -> Samples:
    """Gaussian noise, equally strong at all frequencies."""
    return _levelled(rng.standard_normal(n_samples))


def pink(rng: np.random.Generator, n_samples: int) -> Samples:
    """Gaussian noise whose power falls by 2 to 4 dB per octave; pink in the strict sense is 3 dB."""
    return _levelled(_coloured(rng, n_samples, exponent=rng.uniform(0.66, 1.33)))


def hum(rng: np.random.Generator, n_samples: int) -> Samples:
    """Mains or machine: 12 harmonics of 45 to 130 Hz with random weights, slowly beating, on a little pink noise."""
    seconds = np.arange(n_samples) / SAMPLE_RATE_HZ
    total = 0.05 * _coloured(rng, n_samples, exponent=1.0)
    fundamental_hz = rng.uniform(45.0, 130.0)
    for harmonic in range(1, 13):
        weight = rng.uniform(0.2, 1.0) / harmonic
        detuned_hz = harmonic * fundamental_hz + rng.uniform(-0.3, 0.3)
        total += weight * np.sin(2 * np.pi * (detuned_hz * seconds + rng.random()))
    return _levelled(total)


def bursts(rng: np.random.Generator, n_samples: int) -> Samples:
    """Impacts: on average 1 to 4 a second, each a few ringing resonances that die away, on faint pink noise."""
    total = 0.01 * _coloured(rng, n_samples, exponent=1.0)
    n_bursts = 1 + rng.poisson(rng.uniform(1.0, 4.0) * n_samples / SAMPLE_RATE_HZ)
    for start in np.sort(rng.integers(0, n_samples, n_bursts)):
        burst = rng.uniform(0.3, 1.0) * _impact(rng)[: n_samples - start]
        total[start : start + len(burst)] += burst
    return _levelled(total)


def modulated(rng: np.random.Generator, n_samples: int) -> Samples:
    """Coloured noise that swells and fades 1 to 10 times a second, as speech does, by up to 25 dB."""
    n_points = max(2, round(rng.uniform(1.0, 10.0) * 2 * n_samples / SAMPLE_RATE_HZ))
    gains_db = rng.uniform(-25.0, 0.0, n_points)
    envelope_db = np.interp(np.linspace(0.0, n_points - 1.0, n_samples), np.arange(n_points), gains_db)
    return _levelled(_coloured(rng, n_samples, exponent=rng.uniform(0.0, 1.5)) * 10 ** (envelope_db / 20))


def babble(rng: np.random.Generator, n_samples: int, voices: Sequence[Samples]) -> Samples:
    """Several people talking at the same time.

    Args:
        rng: Chooses voices, and where in its recording each begins.
        n_samples: Length.
        voices: What each person says, repeated as often as needed; at least as many as `BABBLE_VOICES` allows.
    """
    total = np.zeros(n_samples)
    n_voices = int(rng.integers(BABBLE_VOICES[0], BABBLE_VOICES[1] + 1))
    for k in rng.choice(len(voices), n_voices, replace=False):
        voice = voices[k]
        start = int(rng.integers(len(voice)))
        stretch = np.take(voice, np.arange(start, start + n_samples), mode="wrap")
        total += amplified(stretch, rng.uniform(-6.0, 0.0) - active_level_dbfs(voice))
    return _levelled(total)


GENERATORS: Mapping[str, Callable[[np.random.Generator, int], Samples]] = {
    "white": white,
    "pink": pink,
    "hum": hum,
    "bursts": bursts,
    "modulated": modulated,
}
"""Kind -> generator, of those kinds that need nothing but random numbers."""


def _coloured(rng: np.random.Generator, n_samples: int, exponent: float) -> _Signal:
    """Gaussian noise of variance 1 whose power spectrum falls with frequency ** `exponent`, flat below 20 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ), 20.0)
    signal = np.fft.irfft(spectrum * hz ** (-exponent / 2), n_samples)
    return np.asarray(signal / signal.std())


def _impact(rng: np.random.Generator) -> _Signal:
    """One impact of at most a second: a click that makes two to four resonances ring."""
    click = rng.standard_normal(SAMPLE_RATE_HZ) * np.exp(-np.arange(SAMPLE_RATE_HZ) / 30.0)
    total = np.zeros(SAMPLE_RATE_HZ)
    for _ in range(int(rng.integers(2, 5))):
        angle = 2 * np.pi * np.exp(rng.uniform(np.log(200.0), np.log(6000.0))) / SAMPLE_RATE_HZ
        radius = np.exp(-1.0 / (SAMPLE_RATE_HZ * rng.uniform(0.005, 0.08)))
        # Two poles that ring at the angle and decay with the radius.
        section = np.array([[1.0 - radius, 0.0, 0.0, 1.0, -2 * radius * np.cos(angle), radius**2]])
        total += sosfilt(section, click)
    return np.asarray(total / np.abs(total).max())


def _levelled(signal: _Signal) -> Samples:
    samples = (signal / np.abs(signal).max()).astype(np.float32)
    return amplified(samples, LEVEL_DBFS - active_level_dbfs(samples))
