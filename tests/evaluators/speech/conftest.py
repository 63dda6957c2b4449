"""What the tests of speech share: real recordings where they are there, tones and files where they are not needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Samples = NDArray[np.float32]
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    given = os.environ.get("TINYPARETO_DATA")
    folder = Path(given).expanduser() if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings: set TINYPARETO_DATA")
    return folder


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
