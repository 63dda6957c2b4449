"""The compressed spectral loss, frame by frame.

Braun and Tashev, "A consolidated view of loss functions for supervised deep learning-based speech enhancement", 2021,
with exponent and weights as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluators.speech.levels import SILENCE_DBFS, active_level_dbfs
from evaluators.speech.mixtures import Batch
from evaluators.speech.sound import Samples
from evaluators.speech.stft import spectrum

COMPRESSION = 0.3
PHASE_WEIGHT = 0.3
SMALLEST_GAIN = 1e-5
"""-100 dB: keeps the gradient of the compression finite."""
SMALLEST_PRODUCT = 1e-12
"""Of two magnitudes, where their phases are still compared."""
SMALLEST_RATIO = 1e-3
"""Of the powers of noise and speech: -30 dB and less is clean."""
QUIETEST_DBFS = SILENCE_DBFS + 20
"""A crop that falls into a pause is no louder than this, lest its noise be blown up."""


@dataclass(frozen=True)
class Targets:
    """All that the loss has to know of the noisy and the clean speech.

    With gains g, both compressed, the loss of a bin is a parabola: (1 - w) (g|X| - |S|)^2 + w |gX - S|^2
    = g^2 |X|^2 - 2 g ((1 - w) |X||S| + w Re(X S*)) + |S|^2. Real and computed once, it costs a third of the definition.

    Attributes:
        square: |X|^2, shape (n_sequences, n_frames, n_bins).
        slope: (1 - w) |X||S| + w Re(X S*), of the same shape.
        offset: Mean of |S|^2 over the bins, shape (n_sequences, n_frames).
    """

    square: Tensor
    slope: Tensor
    offset: Tensor

    @classmethod
    def of_spectra(cls, noisy: Tensor, clean: Tensor) -> Targets:
        """From complex spectra at the level of speech, of equal shapes."""
        x, s = noisy.abs(), clean.abs()
        product = (x * s).clamp_min(SMALLEST_PRODUCT)
        cosine = (noisy.real * clean.real + noisy.imag * clean.imag) / product
        slope = product.pow(COMPRESSION) * ((1 - PHASE_WEIGHT) + PHASE_WEIGHT * cosine)
        return cls(x.pow(2 * COMPRESSION), slope, s.pow(2 * COMPRESSION).mean(dim=-1))

    def at(self, steps: Tensor) -> Targets:
        """The frames of some steps, int64, shape (n_sequences, n_chosen)."""
        of_bins = steps[..., None].expand(-1, -1, self.square.shape[-1])
        return Targets(self.square.gather(1, of_bins), self.slope.gather(1, of_bins), self.offset.gather(1, steps))

    def towards(self, other: Targets, weight: float) -> Targets:
        """Targets of which the loss is the weighted mean of the losses of two, of the same noisy speech."""
        slope, offset = torch.lerp(self.slope, other.slope, weight), torch.lerp(self.offset, other.offset, weight)
        return Targets(self.square, slope, offset)


class Teaching(Protocol):
    """Somebody who shows what to make of noisy speech."""

    @property
    def weight(self) -> float:
        """Of what is shown, from 0 to 1."""

    def mask(self, spectra: Tensor) -> Tensor:
        """Gains, for complex spectra of the same shape."""


def prepare_batch(batch: Batch, device: torch.device | str, teacher: Teaching | None = None) -> tuple[Tensor, Targets]:
    """Noisy spectra, complex, shape (n_examples, n_frames, n_bins), and what a mask should make of them.

    Args:
        batch: Noisy and clean speech.
        device: Where to.
        teacher: Its output is aimed at as well, by its weight.
    """
    noisy, clean = (torch.from_numpy(samples).to(device) for samples in (batch.noisy, batch.clean))
    gains = torch.from_numpy(level_gains(batch.clean)).to(device)[:, None, None]
    spectra = spectrum(noisy)
    at_level = gains * spectra
    targets = Targets.of_spectra(at_level, gains * spectrum(clean))
    if teacher is not None:
        targets = targets.towards(Targets.of_spectra(at_level, teacher.mask(spectra) * at_level), teacher.weight)
    return spectra, targets


def noise_losses(mask: Tensor, spectra: Tensor, clean: Tensor) -> Tensor:
    """Decimal logarithm of what is left of noise and distortion over the speech, of each example, shape (n_sequences,).

    It weighs what is loud, which compression does not, and phases as they are: a tenth of the signal-to-noise ratio in
    dB, below 0, and no lower than SMALLEST_RATIO lets it become.

    Args:
        mask: Gains, shape (n_sequences, n_frames, n_bins).
        spectra: Noisy, complex, of the same shape.
        clean: Complex, of the same shape.
    """
    left = (mask * spectra - clean).abs().square().sum(dim=(1, 2))
    speech = clean.abs().square().sum(dim=(1, 2)).clamp_min(SMALLEST_PRODUCT)
    return (left / speech + SMALLEST_RATIO).log10()


def level_gains(clean: Samples) -> NDArray[np.float32]:
    """What brings the active level of each row to 0 dBFS, shape (n_rows,) for (n_rows, n_samples)."""
    levels = [max(active_level_dbfs(row), QUIETEST_DBFS) for row in clean]
    return np.array([10 ** (-level / 20) for level in levels], dtype=np.float32)


def frame_losses(mask: Tensor, targets: Targets) -> Tensor:
    """Loss of every frame, shape (n_sequences, n_frames).

    Args:
        mask: Gains, shape (n_sequences, n_frames, n_bins).
        targets: Of the same frames.
    """
    gains = mask.clamp_min(SMALLEST_GAIN).pow(COMPRESSION)
    return (gains * (gains * targets.square - 2 * targets.slope)).mean(dim=-1) + targets.offset
