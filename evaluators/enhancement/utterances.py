"""Clips as enhancers take them in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.stft import spectrum


@dataclass(frozen=True)
class Utterance:
    """A clip, transformed when that is first needed, and once.

    Attributes:
        clip: The clip.
    """

    clip: EvaluationClip

    @cached_property
    def spectra(self) -> Tensor:
        """Of the noisy speech, complex, shape (n_frames, n_bins)."""
        return spectrum(torch.tensor(self.clip.noisy))
