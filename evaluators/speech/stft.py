"""The front end of the speech systems: short-time spectra of whole utterances, and the same hop by hop.

Frames of 512 samples overlap by half, weighted by the square root of a Hann window before the Fourier transform and
once more after its inverse: the squares of two neighbouring windows add up to 1, so an untouched spectrum gives the
sound back. The first frame needs a hop that was never heard, and takes the mirror image of the first one: half a frame
of silence is nothing that a network was trained for.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.speech.frames import FRAME_SAMPLES, HOP_SAMPLES, n_frames
from evaluators.speech.sound import Samples

SMALLEST_POWER = 1e-12
"""Of a bin, before the logarithm; the reference weights of nsNet2 were trained with it."""

Spectrum = NDArray[np.complex64]


def spectrum(samples: Tensor) -> Tensor:
    """Short-time spectrum; frame t covers hops t - 1 and t, with silence after the last hop.

    Args:
        samples: Real, shape (..., n_samples), at least one.

    Returns:
        Complex, shape (..., n_frames(n_samples), N_BINS).
    """
    n_samples = samples.shape[-1]
    heard = torch.nn.functional.pad(samples, (0, n_frames(n_samples) * HOP_SAMPLES - n_samples))
    # Mirrored about the first sample. The window is 0 at the one that would come from the second hop.
    before = torch.nn.functional.pad(heard[..., 1:HOP_SAMPLES].flip(-1), (1, 0))
    padded = torch.cat([before, heard], dim=-1)
    frames = padded.unfold(-1, FRAME_SAMPLES, HOP_SAMPLES)
    found: Tensor = torch.fft.rfft(frames * window(samples.device))
    return found


def waveform(spectra: Tensor, n_samples: int) -> Tensor:
    """Inverse of `spectrum` by weighted overlap-add.

    Args:
        spectra: Complex, shape (..., n_frames(n_samples), N_BINS).
        n_samples: Length of the sound.

    Returns:
        Real, shape (..., n_samples).
    """
    frames = windowed_frames(spectra)
    first, second = frames[..., :HOP_SAMPLES], frames[..., HOP_SAMPLES:]
    hops: Tensor = second[..., :-1, :] + first[..., 1:, :]
    return hops.flatten(-2)[..., :n_samples]


def windowed_frames(spectra: Tensor, out: Tensor | None = None) -> Tensor:
    """What each frame adds to the sound, real, shape (..., FRAME_SAMPLES) for spectra (..., N_BINS)."""
    return torch.mul(torch.fft.irfft(spectra, n=FRAME_SAMPLES), window(spectra.device), out=out)


def overlapped(frames: Tensor, rows: Tensor, n_samples: int) -> Tensor:
    """The sound that frames add up to.

    Args:
        frames: From `windowed_frames`, shape (n_rows, FRAME_SAMPLES).
        rows: Those of the sound, in order, shape (n_frames(n_samples),).
        n_samples: Length of the sound.

    Returns:
        Real, shape (n_samples,).
    """
    hops = frames[:, HOP_SAMPLES:].index_select(0, rows[:-1])
    hops += frames[:, :HOP_SAMPLES].index_select(0, rows[1:])
    return hops.flatten()[:n_samples]


def log_power(spectra: Tensor) -> Tensor:
    """Decimal logarithm of the power of every bin, real, of the same shape."""
    return torch.log10((spectra.real.square() + spectra.imag.square()).clamp_min(SMALLEST_POWER))


def window(device: torch.device | None = None) -> Tensor:
    """Square root of the periodic Hann window, shape (FRAME_SAMPLES,)."""
    return torch.hann_window(FRAME_SAMPLES, periodic=True, device=device).sqrt()


class StreamingStft:
    """The same hop by hop: what has been heard and what is not yet complete are all of its state."""

    def __init__(self) -> None:
        self._window = window().numpy()
        self._heard: Samples | None = None
        self._overlap = np.zeros(HOP_SAMPLES, dtype=np.float32)

    def analyze(self, hop: Samples) -> Spectrum:
        """The frame that ends with this hop.

        Args:
            hop: Shape (HOP_SAMPLES,).

        Returns:
            Shape (N_BINS,).
        """
        heard = np.append(np.float32(0.0), hop[:0:-1]) if self._heard is None else self._heard
        frame = np.concatenate([heard, hop])
        self._heard = hop
        found: Spectrum = np.fft.rfft(frame * self._window).astype(np.complex64)
        return found

    def synthesize(self, frame: Spectrum) -> Samples:
        """The hop that this frame completes: the one before its last, shape (HOP_SAMPLES,)."""
        samples: Samples = (np.fft.irfft(frame, n=FRAME_SAMPLES) * self._window).astype(np.float32)
        hop: Samples = self._overlap + samples[:HOP_SAMPLES]
        self._overlap = samples[HOP_SAMPLES:]
        return hop
