"""Suppressors: less noise comes out, in the same place, and always the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluators.nsnet2.confidence import fit_head
from evaluators.nsnet2.export import export_nsnet2
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import NsNet2Shape
from evaluators.nsnet2.trained import weights_identity
from evaluators.quality.signals import on_grid, snr_db
from evaluators.quality.suppressors import (
    SpectralSuppressor,
    noise_power,
    suppressors,
    wiener_gains,
)
from evaluators.speech.evaluation_sets import EvaluationClip


@pytest.fixture
def speech() -> tuple[np.ndarray, np.ndarray]:
    """A tone that comes and goes, alone and in white noise."""
    rng = np.random.default_rng(0)
    t = np.arange(32000) / 16000
    clean = (0.3 * np.sin(2 * np.pi * 500 * t) * (np.sin(2 * np.pi * t) > 0)).astype(np.float32)
    return clean, clean + (0.03 * rng.standard_normal(len(t))).astype(np.float32)


def test_noise_goes_and_speech_stays(speech):
    clean, noisy = speech
    left = SpectralSuppressor()(noisy, np.random.default_rng(1))
    assert left.shape == noisy.shape
    assert left.dtype == np.float32
    assert snr_db(left, clean) > snr_db(noisy, clean) + 3


def test_strength_is_drawn(speech):
    _, noisy = speech
    one, same, other = (SpectralSuppressor()(noisy, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-4


def test_gains_of_two_frames_by_hand():
    # First frame: posterior 5, prior .02 * 4 = .08, gain .08 / 1.08. Second: the same posterior,
    # prior .98 * gain^2 * 5 + .08.
    gains = wiener_gains(np.array([[10.0], [10.0]]), np.array([2.0]))
    first = 0.08 / 1.08
    prior = 0.98 * first**2 * 5 + 0.08
    np.testing.assert_allclose(gains[:, 0], [first, prior / (1 + prior)])


def test_noise_is_what_the_quietest_frames_hold():
    power = np.full((10, 2), 9.0)
    power[3], power[7] = [1.0, 2.0], [3.0, 2.0]
    np.testing.assert_allclose(noise_power(power), [2.0, 2.0])


def test_silence_stays_silent():
    silence = np.zeros(16000, dtype=np.float32)
    np.testing.assert_array_equal(SpectralSuppressor()(silence, np.random.default_rng(0)), silence)


def test_the_network_suppresses_too(real_data, speech):
    chosen = suppressors(real_data / "models" / "nsnet2" / "nsnet2_weights.npz")
    assert list(chosen) == ["spectral suppressor", "nsNet2"]
    _, noisy = speech
    left = chosen["nsNet2"](noisy, np.random.default_rng(0))
    assert left.shape == noisy.shape
    assert np.square(left).sum() < 0.9 * np.square(noisy).sum()


def test_grid_of_16_bits():
    found = on_grid(np.array([0.0, 0.4 / 32768, 0.6 / 32768, 1.5, -1.5], dtype=np.float32))
    np.testing.assert_array_equal(found * 32768, [0, 0, 1, 32767, -32768])


def test_snr_by_hand():
    clean = np.array([1.0, -1.0], dtype=np.float32)
    assert snr_db(clean + np.float32(0.1), clean) == pytest.approx(20, abs=1e-4)


def test_every_exit_of_an_export_is_a_suppressor(tmp_path, speech):
    network = NsNet2(NsNet2Shape(7, 6, 9, ("fc1", "gru1"), True, 5)).eval()
    heads = {exit_: fit_head([(torch.rand(50, 5), torch.rand(50))]) for exit_ in ("fc1", "gru1")}
    clean, noisy = speech
    clip = EvaluationClip("clip", noisy, clean)
    export_nsnet2(PreparedNsNet2(network, heads, ""), Route((("fc1", 0.5), ("gru1", 0.5)), "final"), clip, tmp_path)
    chosen = suppressors(tmp_path)
    assert list(chosen) == ["spectral suppressor", "nsNet2 fc1", "nsNet2 gru1", "nsNet2 final"]
    left = [suppressor(noisy, np.random.default_rng(0)) for suppressor in chosen.values()]
    assert len({sound.tobytes() for sound in left}) == 4
    # Another export is another set of examples.
    before = weights_identity(tmp_path)
    (tmp_path / "network.json").write_bytes((tmp_path / "network.json").read_bytes() + b"\n")
    assert weights_identity(tmp_path) != before
