"""Sounds as files in memory, for players in a page."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from cost_models.extras import require
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples


def flac(samples: Samples) -> bytes:
    """The sound as a FLAC file of 16 bits; what exceeds full scale is clipped.

    Raises:
        MissingExtraError: If a package is missing.
    """
    soundfile: Any = require("soundfile", "writing audio files", "speech")
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()
