"""Noise suppressors that make examples harder to judge: what they leave is neither noisy nor clean.

Each works on the spectra of `evaluators.speech.stft` by gains from 0 to 1, and never turns a bin down by more than a
depth that is drawn for every example: gentle ones leave noise, strong ones damage speech.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from evaluators.errors import DataError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.shape import PRESETS
from evaluators.speech.sound import Samples
from evaluators.speech.stft import log_power, spectrum, waveform
from evaluators.storage import HASH_LENGTH

SUPPRESSOR_VERSION = 1
"""To be raised whenever the same speech comes out otherwise; examples kept before are then ignored."""
DEPTH_DB = (6.0, 40.0)
"""How far a bin is turned down at most."""
OVERESTIMATE = (1.0, 4.0)
"""Factor on the power of the noise, of the spectral suppressor."""
QUIET_SHARE = 0.2
"""Of the frames: the quietest are taken for noise alone."""
SMOOTHING = 0.98
"""Of the signal-to-noise ratio over frames: Ephraim and Malah's alpha, which keeps musical noise down."""

Gains = NDArray[np.float64]


class Suppressor(Protocol):
    """Denoises, more or less well."""

    def __call__(self, noisy: Samples, rng: np.random.Generator) -> Samples:
        """The sound that is left, of the same shape; `rng` draws how strong it is."""


class SpectralSuppressor:
    """A Wiener filter whose signal-to-noise ratio is estimated decision-directed.

    Ephraim and Malah, "Speech enhancement using a minimum mean-square error short-time spectral amplitude estimator",
    1984, eq. 51, with the Wiener gain in place of theirs. The noise is taken to be steady: the mean of the quietest
    frames, multiplied by a random factor.
    """

    def __call__(self, noisy: Samples, rng: np.random.Generator) -> Samples:
        """The sound that is left."""
        spectra = spectrum(torch.from_numpy(noisy.copy()))
        power = np.square(np.abs(spectra.numpy())).astype(np.float64)
        gains = wiener_gains(power, noise_power(power) * rng.uniform(*OVERESTIMATE))
        return _applied(spectra, torch.from_numpy(gains), rng, len(noisy))


class NetworkSuppressor:
    """A trained nsNet2, run to its end.

    Args:
        weights: `.npz` file, see `reference_weights`.

    Raises:
        DataError: If the weights cannot be used.
    """

    def __init__(self, weights: Path) -> None:
        shape = PRESETS["paper"]
        self._network = NsNet2(shape).eval()
        self._network.load_state_dict(read_reference_weights(weights, shape))

    @torch.inference_mode()
    def __call__(self, noisy: Samples, rng: np.random.Generator) -> Samples:
        """The sound that is left."""
        spectra = spectrum(torch.from_numpy(noisy.copy()))
        gains = self._network.all_masks(log_power(spectra)[None])["final"][0]
        return _applied(spectra, gains, rng, len(noisy))


def suppressors(weights: Path | None) -> Mapping[str, Suppressor]:
    """Those there are, by name.

    Args:
        weights: Of an nsNet2 as published, if there are any.

    Raises:
        DataError: If the weights cannot be used.
    """
    spectral: dict[str, Suppressor] = {"spectral suppressor": SpectralSuppressor()}
    return spectral if weights is None else {**spectral, "nsNet2": NetworkSuppressor(weights)}


def weights_identity(weights: Path | None) -> str:
    """Of the weights' content, for caches; empty without weights.

    Raises:
        DataError: If there is no such file.
    """
    if weights is None:
        return ""
    if not weights.is_file():
        raise DataError("there is no such file", where=weights, expected="nsNet2 weights as .npz")
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:HASH_LENGTH]


def noise_power(power: Gains) -> Gains:
    """Power of the noise in every bin, from the quietest frames.

    Args:
        power: Shape (n_frames, n_bins).

    Returns:
        Shape (n_bins,).
    """
    n_quiet = max(1, round(QUIET_SHARE * len(power)))
    quietest = np.argsort(power.sum(axis=1), kind="stable")[:n_quiet]
    found: Gains = power[quietest].mean(axis=0)
    return found


def wiener_gains(power: Gains, noise: Gains) -> Gains:
    """Gains in [0, 1), of the shape of the power.

    Args:
        power: Of noisy speech, shape (n_frames, n_bins).
        noise: Of the noise, shape (n_bins,).
    """
    posterior = power / np.maximum(noise, 1e-20)
    gains = np.empty_like(power)
    before = np.zeros(power.shape[1])
    for t, ratio in enumerate(posterior):
        prior = SMOOTHING * before + (1 - SMOOTHING) * np.maximum(ratio - 1, 0.0)
        gains[t] = prior / (1 + prior)
        before = np.square(gains[t]) * ratio
    return gains


def _applied(spectra: torch.Tensor, gains: torch.Tensor, rng: np.random.Generator, n_samples: int) -> Samples:
    floor = 10 ** (-rng.uniform(*DEPTH_DB) / 20)
    left: Samples = waveform(spectra * gains.clamp_min(floor).to(torch.float32), n_samples).numpy()
    return left
