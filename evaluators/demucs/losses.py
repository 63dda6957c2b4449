"""What networks are trained on: distances of waveforms and of spectra at several resolutions, and use of widths."""

from __future__ import annotations

import torch
from torch import Tensor

FRAMES = (256, 512, 1024)
"""Samples of a frame at each resolution; frames follow each other by a quarter."""
SMALLEST_POWER = 1e-4
"""Of a bin, with speech at 0 dB: what is quieter still nobody hears."""


def waveform_loss(output: Tensor, clean: Tensor) -> Tensor:
    """Mean distance, for each sequence, shape (n_sequences,); sounds of shape (n_sequences, n_samples), speech at 1."""
    return (output - clean).abs().mean(dim=-1)


def spectral_loss(output: Tensor, clean: Tensor) -> Tensor:
    """Spectral convergence plus distance of log magnitudes, averaged over resolutions, for each sequence.

    Yamamoto et al., "Parallel WaveGAN", 2020, equations 3 to 6.
    """
    total = output.new_zeros(len(output))
    for frame in FRAMES:
        found, wanted = _magnitudes(output, frame), _magnitudes(clean, frame)
        difference = (wanted - found).square().sum(dim=(1, 2)).clamp_min(SMALLEST_POWER).sqrt()
        size = wanted.square().sum(dim=(1, 2)).clamp_min(SMALLEST_POWER).sqrt()
        total = total + difference / size + (wanted.log() - found.log()).abs().mean(dim=(1, 2))
    return total / len(FRAMES)


def efficiency_loss(utilization: Tensor, target: float) -> Tensor:
    """Squared distance of the mean utilization factor from its target."""
    return (utilization - target).square()


def balance_loss(use: Tensor) -> Tensor:
    """Squared distance of the mean use of the factors, shape (n_ufs,), from equal use."""
    return (use - 1 / len(use)).square().sum()


def _magnitudes(x: Tensor, frame: int) -> Tensor:
    window = torch.hann_window(frame, device=x.device)
    spectrum = torch.stft(x, frame, frame // 4, window=window, return_complex=True, pad_mode="constant")
    return (spectrum.real.square() + spectrum.imag.square()).clamp_min(SMALLEST_POWER).sqrt()
