"""Random filters: what they do to tones, and that they are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.speech.equalizer import KNOTS_HZ, equalized

RATE_HZ = 16000


def tone(frequency_hz: float, n_samples: int = 16000) -> np.ndarray:
    envelope = np.hanning(n_samples)
    return (envelope * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("knot", range(1, len(KNOTS_HZ) - 1))
def test_a_tone_at_a_knot_gets_the_gain_that_was_drawn(knot):
    gains_db = np.random.default_rng(3).uniform(-12, 12, len(KNOTS_HZ))
    samples = tone(KNOTS_HZ[knot])
    filtered = equalized(np.random.default_rng(3), samples, 12)
    ratio_db = 20 * np.log10(np.linalg.norm(filtered) / np.linalg.norm(samples))
    assert ratio_db == pytest.approx(gains_db[knot], abs=0.1)


def test_no_gain_changes_nothing_and_shape_and_type_stay():
    samples = np.random.default_rng(0).standard_normal(12345).astype(np.float32)
    unchanged = equalized(np.random.default_rng(1), samples, 0)
    assert unchanged.dtype == np.float32
    np.testing.assert_allclose(unchanged, samples, atol=1e-5)


def test_there_is_no_delay():
    samples = np.zeros(8000, dtype=np.float32)
    samples[4000] = 1.0
    assert np.argmax(np.abs(equalized(np.random.default_rng(5), samples, 8))) == 4000
