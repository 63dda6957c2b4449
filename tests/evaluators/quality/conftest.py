"""Recordings small enough to label in a test."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def toy_recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `clean` and `noise`: syllables of five voices told apart by pitch, and five noises."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    pytest.importorskip("pesq")
    folder = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(0)
    t = np.arange(2 * 16000) / 16000
    for k in range(5):
        pitch = 110.0 + 25 * k
        harmonics = sum(np.sin(2 * np.pi * pitch * h * t) / h for h in range(1, 25))
        syllables = np.sin(2 * np.pi * 4 * t) ** 2 * (np.sin(2 * np.pi * (0.7 + 0.1 * k) * t) > -0.3)
        noise = rng.standard_normal(5 * 16000) * np.linspace(0.5, 1.5, 5 * 16000)
        for name, samples in ((f"clean/s{k}_0.wav", 0.1 * harmonics * syllables), (f"noise/n{k}.wav", 0.1 * noise)):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, samples, 16000, subtype="PCM_16")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    given = os.environ.get("TINYPARETO_DATA")
    folder = Path(given).expanduser() if given else Path(__file__).resolve().parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings: set TINYPARETO_DATA")
    return folder
