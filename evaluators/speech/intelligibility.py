"""Short-time objective intelligibility: STOI (Taal et al., 2011) and ESTOI (Jensen and Taal, 2016).

Both compare short stretches of the clean and the enhanced signal, band by band. They are computed together since all
but the last step is the same. The package `pystoi` gives the same values and takes several times as long.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from evaluators.speech.signal_metrics import UnscorableError
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

STOI_RATE_HZ = 10_000
WINDOW, HOP, N_FFT = 256, 128, 512
N_BANDS, LOWEST_CENTRE_HZ = 15, 150.0
SEGMENT = 30
"""Frames of a stretch: 384 ms."""
DYNAMIC_RANGE_DB = 40.0
"""Frames of the clean signal that are this much quieter than its loudest do not count."""
LOWEST_SDR_DB = -15.0
_EPSILON = float(np.finfo(np.float64).eps)
_Array = NDArray[np.float64]


def stoi_and_estoi(clean: Samples, output: Samples) -> tuple[float, float]:
    """Both measures of intelligibility, each from about 0 to 1.

    Args:
        clean: Reference, shape (n_samples,), not silent.
        output: To be judged, of the same shape.

    Raises:
        UnscorableError: If there are less than 0.4 s of speech.
    """
    frames = _speech_frames(_at_stoi_rate(clean), _at_stoi_rate(output))
    x, y = (_band_envelopes(_overlap_added(part)) for part in frames)
    if x.shape[1] < SEGMENT:
        raise UnscorableError("less than 0.4 s of speech for STOI", is_clips_fault=True)
    # Shape (n_bands, n_segments, SEGMENT).
    x, y = (np.lib.stride_tricks.sliding_window_view(part, SEGMENT, axis=1) for part in (x, y))
    return _stoi(x, y), _estoi(x, y)


def _stoi(x: _Array, y: _Array) -> float:
    """Mean correlation of the envelopes in each band and segment, the output's limited first (eq. 3-6)."""
    scale = np.linalg.norm(x, axis=2, keepdims=True) / (np.linalg.norm(y, axis=2, keepdims=True) + _EPSILON)
    limited = np.minimum(y * scale, x * (1 + 10 ** (-LOWEST_SDR_DB / 20)))
    return float(np.mean(np.sum(_normalized(x, axis=2) * _normalized(limited, axis=2), axis=2)))


def _estoi(x: _Array, y: _Array) -> float:
    """Mean correlation of the spectra in each segment, bands having been normalized over time (eq. 4-9)."""
    by_frame = (_normalized(_normalized(part, axis=2), axis=0) for part in (x, y))
    correlations = np.sum(np.multiply(*by_frame), axis=0)
    return float(np.mean(correlations))


def _normalized(values: _Array, axis: int) -> _Array:
    """Without mean and of norm 1; what does not vary stays zero."""
    centred = values - values.mean(axis=axis, keepdims=True)
    return np.asarray(centred / (np.linalg.norm(centred, axis=axis, keepdims=True) + _EPSILON))


def _speech_frames(x: _Array, y: _Array) -> tuple[_Array, _Array]:
    """Windowed frames of both in which x is within the dynamic range, shape (n_frames, WINDOW)."""
    if len(x) <= WINDOW:
        raise UnscorableError("too short for STOI", is_clips_fault=True)
    x, y = _frames(x), _frames(y)
    energies_db = 20 * np.log10(np.linalg.norm(x, axis=1) + _EPSILON)
    is_speech = energies_db > energies_db.max() - DYNAMIC_RANGE_DB
    return x[is_speech], y[is_speech]


def _frames(signal: _Array) -> _Array:
    # As in the authors' code, a last frame that just fits is left out, and the window has no zeros at its ends.
    window = np.hanning(WINDOW + 2)[1:-1]
    frames: _Array = np.lib.stride_tricks.sliding_window_view(signal[:-1], WINDOW)[::HOP] * window
    return frames


def _overlap_added(frames: _Array) -> _Array:
    """The frames put together again with half of each overlapping the next."""
    halves = np.zeros((len(frames) + 1, HOP))
    halves[:-1] += frames[:, :HOP]
    halves[1:] += frames[:, HOP:]
    return halves.ravel()


def _band_envelopes(signal: _Array) -> _Array:
    """Magnitudes in third-octave bands, shape (n_bands, n_frames)."""
    if len(signal) <= WINDOW:
        return np.zeros((N_BANDS, 0))
    power = np.abs(np.fft.rfft(_frames(signal), N_FFT)) ** 2
    edges = _band_edges()
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return np.asarray(np.sqrt(bands.T))


@cache
def _band_edges() -> NDArray[np.int64]:
    """First bin of each third-octave band, and the first bin beyond the last band, shape (n_bands + 1,)."""
    edges_hz = LOWEST_CENTRE_HZ * 2.0 ** ((np.arange(N_BANDS + 1) - 0.5) / 3)
    return np.asarray(np.rint(edges_hz / (STOI_RATE_HZ / N_FFT)), dtype=np.int64)


def _at_stoi_rate(samples: Samples) -> _Array:
    divisor = int(np.gcd(STOI_RATE_HZ, SAMPLE_RATE_HZ))
    up, down = STOI_RATE_HZ // divisor, SAMPLE_RATE_HZ // divisor
    return np.asarray(resample_poly(samples.astype(np.float64), up, down, window=_low_pass(max(up, down))))


@cache
def _low_pass(factor: int) -> _Array:
    """The Kaiser-windowed sinc that the authors' code gets from Octave: 60 dB, rolling off over a tenth of its band."""
    rejection_db = 60.0
    cutoff = 0.5 / factor
    half = int(np.ceil((rejection_db - 8) / (28.714 * cutoff / 10)))
    beta = 0.1102 * (rejection_db - 8.7)
    taps = np.kaiser(2 * half + 1, beta) * np.sinc(2 * cutoff * np.arange(-half, half + 1))
    return np.asarray(taps / taps.sum())
