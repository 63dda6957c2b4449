"""A trained enhancer that shows a smaller one what to make of noisy speech, whatever recordings it is trained on.

Clean recordings of one collection tell little about other rooms and microphones. Whoever has heard far more can be
asked about any sound, also about what counts as noise in the background of recordings that pass for clean.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.enhancement.teaching_options import TeachingOptions
from evaluators.errors import DataError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.shape import PRESETS
from evaluators.speech.stft import log_power
from evaluators.storage import HASH_LENGTH


@dataclass(frozen=True)
class Teacher:
    """nsNet2 with trained weights.

    Attributes:
        weight: Of what it shows, from 0 to 1; the rest is that of the clean speech.
        network: In evaluation.
    """

    weight: float
    network: NsNet2

    @torch.no_grad()
    def mask(self, spectra: Tensor) -> Tensor:
        """Its gains, shape (n_sequences, n_frames, n_bins), for complex spectra of that shape."""
        return self.network.all_masks(log_power(spectra))["final"]


def teacher_of(options: TeachingOptions, device: str) -> Teacher | None:
    """The teacher that a training asks for, if any.

    Raises:
        DataError: If its weights cannot be used.
    """
    if options.teacher is None or options.teacher_weight == 0:
        return None
    shape = PRESETS["paper"].without_exits()
    network = NsNet2(shape)
    network.load_state_dict(read_reference_weights(options.teacher, shape))
    return Teacher(options.teacher_weight, network.to(device).eval())


def teacher_key(options: TeachingOptions) -> list[str | float]:
    """Identity of what a training is taught; empty where it has no teacher.

    Raises:
        DataError: If the weights are not there.
    """
    if options.teacher is None or options.teacher_weight == 0:
        return []
    if not options.teacher.is_file():
        raise DataError("there is no such file", where=options.teacher, expected="nsNet2 weights as .npz")
    digest = hashlib.sha256(options.teacher.read_bytes()).hexdigest()
    return [digest[:HASH_LENGTH], options.teacher_weight]
