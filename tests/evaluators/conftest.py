"""What the tests of systems share: recordings, real and made, and one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evaluators.training.threads import one_thread

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    given = os.environ.get("TINYPARETO_DATA")
    folder = Path(given).expanduser() if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings: set TINYPARETO_DATA")
    return folder


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of clean and of noise files: tones that swell, and coloured noise."""
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    t = np.arange(16000) / 16000
    for part in ("clean", "noise"):
        (folder / part).mkdir()
    for k in range(12):
        tone = 0.4 * np.sin(2 * np.pi * (200 + 90 * k) * t) * np.sin((3 + k) * t) ** 2
        soundfile.write(folder / "clean" / f"speaker{k:02d}-0.wav", tone, 16000)
        noise = np.convolve(rng.standard_normal(16000), np.ones(1 + k), "same")
        soundfile.write(folder / "noise" / f"noise{k:02d}.wav", 0.1 * noise / noise.std(), 16000)
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only lose by a second thread."""
    with one_thread():
        yield
