"""Noise suppressors that make examples harder to judge: what they leave is neither noisy nor clean.

Each works on the spectra of `evaluators.speech.stft` by gains from 0 to 1, and never turns a bin down by more than a
depth that is drawn for every example: gentle ones leave noise, strong ones damage speech.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from evaluators.nsnet2.exported import mask_of_exit
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import Exit
from evaluators.nsnet2.trained import read_trained
from evaluators.speech.sound import Samples
from evaluators.speech.stft import log_power, spectrum, waveform

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
    """An exit of a trained nsNet2 that all frames take.

    Args:
        network: With the weights of all that is run up to the exit.
        exit_: The exit.
    """

    def __init__(self, network: NsNet2, exit_: Exit) -> None:
        self._network, self._exit = network.eval(), exit_

    @torch.inference_mode()
    def __call__(self, noisy: Samples, rng: np.random.Generator) -> Samples:
        """The sound that is left."""
        spectra = spectrum(torch.from_numpy(noisy.copy()))
        gains = mask_of_exit(self._network, self._exit, log_power(spectra)[None])[0]
        return _applied(spectra, gains, rng, len(noisy))


def suppressors(weights: Path | None) -> Mapping[str, Suppressor]:
    """Those there are, by name.

    Args:
        weights: Of an nsNet2: a file of the published one, which has a final exit only, or a folder that was exported,
            each exit of which is a suppressor.

    Raises:
        DataError: If the weights cannot be used.
    """
    found: dict[str, Suppressor] = {"spectral suppressor": SpectralSuppressor()}
    if weights is None:
        return found
    trained = read_trained(weights)
    if not weights.is_dir():
        return {**found, "nsNet2": NetworkSuppressor(trained.network, "final")}
    return found | {f"nsNet2 {exit_}": NetworkSuppressor(trained.network, exit_) for exit_ in trained.exits}


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
