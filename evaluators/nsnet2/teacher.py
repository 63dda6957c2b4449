"""A trained enhancer that shows a smaller one what to make of noisy speech, whatever recordings it is trained on.

Clean recordings of one collection tell little about other rooms and microphones. Whoever has heard far more can be
asked about any sound, also about what counts as noise in the background of recordings that pass for clean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.enhancement.teaching_options import TeachingOptions
from evaluators.nsnet2.exported import mask_of_exit
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import Exit
from evaluators.nsnet2.trained import read_trained, weights_identity
from evaluators.speech.stft import log_power


@dataclass(frozen=True)
class Teacher:
    """nsNet2 with trained weights.

    Attributes:
        weight: Of what it shows, from 0 to 1; the rest is that of the clean speech.
        network: In evaluation.
        exit: Which of its exits shows that.
    """

    weight: float
    network: NsNet2
    exit: Exit

    @torch.no_grad()
    def mask(self, spectra: Tensor) -> Tensor:
        """Its gains, shape (n_sequences, n_frames, n_bins), for complex spectra of that shape."""
        return mask_of_exit(self.network, self.exit, log_power(spectra))


def teacher_of(options: TeachingOptions, device: str) -> Teacher | None:
    """The teacher that a training asks for, if any.

    Raises:
        DataError: If its weights cannot be used.
    """
    if options.teacher is None or options.teacher_weight == 0:
        return None
    trained = read_trained(options.teacher)
    return Teacher(options.teacher_weight, trained.network.to(device), trained.exits[-1])


def teacher_key(options: TeachingOptions) -> list[str | float]:
    """Identity of what a training is taught; empty where it has no teacher.

    Raises:
        DataError: If the weights are not there.
    """
    if options.teacher is None or options.teacher_weight == 0:
        return []
    return [weights_identity(options.teacher), options.teacher_weight]
