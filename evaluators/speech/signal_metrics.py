"""Measures that compare an enhanced signal with the clean one as signals: PESQ and SI-SDR."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cost_models.extras import require
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

SI_SDR_RANGE_DB = (-30.0, 100.0)
"""The ratio is infinite for a perfect output and for one that holds nothing of the speech; means must not be."""


class UnscorableError(Exception):
    """A measure is not defined for a clip.

    Args:
        reason: Why, to be read after the clip's name.
        is_clips_fault: Whether no output at all could be scored for this clip.
    """

    def __init__(self, reason: str, *, is_clips_fault: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_clips_fault = is_clips_fault


def pesq_wide_band(clean: Samples, output: Samples) -> float:
    """Perceptual evaluation of speech quality, wide band (ITU-T P.862.2), by the package `pesq`.

    Args:
        clean: Reference, shape (n_samples,), not silent.
        output: To be judged, of the same shape, not silent.

    Returns:
        Mean opinion score, 1.0 to 4.64.

    Raises:
        UnscorableError: If PESQ finds no speech in either, or they are too short.
        MissingExtraError: If the extra `speech` is not installed.
    """
    pesq: Any = require("pesq", "PESQ", "speech")
    try:
        return float(pesq.pesq(SAMPLE_RATE_HZ, clean, output, "wb"))
    except pesq.BufferTooShortError as error:
        raise UnscorableError("too short for PESQ", is_clips_fault=True) from error
    except pesq.NoUtterancesError as error:
        if _has_utterances(pesq, clean):
            raise UnscorableError("PESQ finds no speech beside this output") from error
        raise UnscorableError("PESQ finds no speech in the clean signal", is_clips_fault=True) from error
    except ValueError as error:
        # Where nothing is left in the telephone band, PESQ's own level alignment divides by zero.
        raise UnscorableError("PESQ hears nothing in the output") from error


def si_sdr_db(clean: Samples, output: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., "SDR - half-baked or well done?", 2019, eq. 2-3).

    Args:
        clean: Reference, shape (n_samples,), not silent.
        output: To be judged, of the same shape, not silent.

    Returns:
        dB, limited to `SI_SDR_RANGE_DB`.
    """
    reference, estimate = clean.astype(np.float64), output.astype(np.float64)
    # Sums instead of dot products, which BLAS would share out among threads that other processes need.
    energy = float(np.sum(np.square(reference)))
    target = float(np.sum(estimate * reference)) / energy * reference
    wanted, unwanted = float(np.sum(np.square(target))), float(np.sum(np.square(estimate - target)))
    lowest, highest = (10 ** (limit_db / 10) for limit_db in SI_SDR_RANGE_DB)
    return 10.0 * math.log10(max(wanted, lowest * unwanted) / max(unwanted, wanted / highest))


def _has_utterances(pesq: Any, clean: Samples) -> bool:
    """Whether PESQ can score the clean signal against itself."""
    try:
        pesq.pesq(SAMPLE_RATE_HZ, clean, clean, "wb")
    except pesq.NoUtterancesError:
        return False
    return True
