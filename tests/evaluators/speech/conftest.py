"""What the tests of speech share: tones and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@pytest.fixture
def tone() -> Callable[..., Samples]:
    """Makes a sine of 16 kHz."""

    def make(hz: float = 440.0, seconds: float = 1.0, peak: float = 0.5) -> Samples:
        return (peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * 16000)) / 16000)).astype(np.float32)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sound file below the test's folder."""
    soundfile = pytest.importorskip("soundfile")

    def make(name: str, samples: NDArray[np.float64] | Samples, rate_hz: int = 16000, subtype: str = "PCM_16") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate_hz, subtype=subtype)
        return path

    return make
