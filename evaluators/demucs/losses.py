"""What networks are trained on: distances of waveforms and of spectra at several resolutions, and use of widths."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

FRAMES = (256, 512, 1024)
"""Samples of a frame at each resolution; frames follow each other by half."""
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
    """Shape (n_sequences, n_frames, frame / 2 + 1)."""
    return _Magnitudes.apply(x, frame)  # type: ignore[no-any-return, no-untyped-call]


class _Magnitudes(torch.autograd.Function):
    """Of windowed frames that overlap by half.

    PyTorch's gradient of a real transform is a complex one of twice the size.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, frame: int) -> Tensor:
        half = frame // 2
        padded = pad(x, (half, half + -x.shape[1] % half))
        window = torch.hann_window(frame, device=x.device)
        spectrum = torch.fft.rfft(padded.unfold(1, frame, half) * window)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        magnitudes: Tensor = power.clamp_min(SMALLEST_POWER).sqrt()
        ctx.save_for_backward(spectrum, magnitudes, power > SMALLEST_POWER, window)
        ctx.n_samples = x.shape[1]
        return magnitudes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        spectrum, magnitudes, is_above, window = ctx.saved_tensors
        frame = len(window)
        scale = grad / magnitudes * is_above * (frame / 2)
        # An inverse transform counts the bins between the first and the last twice.
        scale[..., 0] *= 2
        scale[..., -1] *= 2
        of_frames = (torch.fft.irfft(spectrum * scale, n=frame) * window).unflatten(-1, (2, frame // 2))
        first, second = of_frames.unbind(2)
        of_padded = pad(first, (0, 0, 0, 1)) + pad(second, (0, 0, 1, 0))
        return of_padded.flatten(1)[:, frame // 2 :][:, : ctx.n_samples], None
