"""Levels of speech by hand, and mixtures that have the ratio that was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluators.speech.levels import (
    FRAME,
    MAX_PEAK,
    active_level_dbfs,
    amplified,
    is_silent,
    mix,
    without_silent_ends,
)


def frames(*amplitudes):
    """A square wave whose frames have the given amplitudes."""
    signs = np.resize([1.0, -1.0], FRAME)
    return np.concatenate([a * signs for a in amplitudes]).astype(np.float32)


def test_full_scale_square_and_sine():
    assert active_level_dbfs(frames(1.0)) == pytest.approx(0.0)
    sine = np.sin(2 * np.pi * np.arange(16000) / 16).astype(np.float32)
    assert active_level_dbfs(sine) == pytest.approx(10 * math.log10(0.5), abs=1e-6)


def test_pauses_do_not_count():
    assert active_level_dbfs(frames(0.5, 0, 0, 0, 0.5, 0)) == pytest.approx(active_level_dbfs(frames(0.5)))


def test_quieter_speech_counts_within_the_margin():
    # 10 frames of power 1 and 10 of 0.1: all active, for 0.1 is within 15.9 dB of 11 / 20.
    level = active_level_dbfs(frames(*[1.0] * 10, *[math.sqrt(0.1)] * 10))
    assert level == pytest.approx(10 * math.log10(11 / 20))


def test_noise_of_the_room_does_not_count():
    # At power 0.01, all 20 would have 10.1 / 20, of which 0.01 is below the 39th part; so ten carry all of the energy.
    level = active_level_dbfs(frames(*[1.0] * 10, *[0.1] * 10))
    assert level == pytest.approx(10 * math.log10(10.1 / 10))


def test_a_last_frame_that_is_cut_short_still_has_its_energy():
    half = frames(1.0)[: FRAME // 2]
    # All the energy of 1.5 frames over two.
    assert active_level_dbfs(np.concatenate([frames(1.0), half])) == pytest.approx(10 * math.log10(1.5 / 2))
    assert active_level_dbfs(half) == pytest.approx(0.0)


def test_silence():
    assert active_level_dbfs(np.zeros(1000, dtype=np.float32)) == -math.inf
    assert is_silent(np.zeros(1000, dtype=np.float32))
    assert is_silent(frames(1e-5))
    assert not is_silent(frames(1e-3))


def sounds(min_value=-32768):
    integers = hnp.arrays(np.int16, st.integers(1, 3000), elements=st.integers(min_value, 32767))
    return integers.map(lambda samples: samples.astype(np.float32) / np.float32(32768))


@given(sounds(min_value=1), st.floats(-40, 40))
def test_gain_adds_to_the_level(samples, gain_db):
    before, after = active_level_dbfs(samples), active_level_dbfs(amplified(samples, gain_db))
    assert after == pytest.approx(before + gain_db, abs=1e-3)


@given(sounds())
def test_active_level_is_at_least_the_mean_level(samples):
    level = active_level_dbfs(samples)
    n_frames = -(-len(samples) // FRAME)
    mean = float(np.sum(samples.astype(np.float64) ** 2)) / (n_frames * min(FRAME, len(samples)))
    assert level >= (10 * math.log10(mean) - 1e-6 if mean else -math.inf)


def test_silent_ends_are_cut_but_not_pauses():
    samples = frames(0, 0, 0.5, 0, 0.25, 0)
    np.testing.assert_array_equal(without_silent_ends(samples), frames(0.5, 0, 0.25))
    np.testing.assert_array_equal(without_silent_ends(frames(0, 0)), frames(0, 0))


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 17.5])
def test_mixture_has_the_ratio_and_the_level(snr_db):
    rng = np.random.default_rng(0)
    clean, noise = (rng.standard_normal(16000).astype(np.float32) * scale for scale in (0.1, 0.003))
    noisy, speech = mix(
        clean,
        noise,
        snr_db=snr_db,
        level_dbfs=-30.0,
        clean_level_dbfs=active_level_dbfs(clean),
        noise_level_dbfs=active_level_dbfs(noise),
    )
    assert active_level_dbfs(speech) == pytest.approx(-30.0, abs=1e-3)
    assert active_level_dbfs(speech) - active_level_dbfs(noisy - speech) == pytest.approx(snr_db, abs=1e-3)


def test_loud_mixtures_are_turned_down_as_a_whole():
    clean, noise = frames(0.5, 0.5), frames(0.1, 0.1)
    noisy, speech = mix(clean, noise, snr_db=0.0, level_dbfs=-3.0, clean_level_dbfs=-6.0206, noise_level_dbfs=-20.0)
    assert np.abs(noisy).max() == pytest.approx(MAX_PEAK)
    assert active_level_dbfs(speech) - active_level_dbfs(noisy - speech) == pytest.approx(0.0, abs=1e-3)


def test_quiet_stretch_of_noise_is_not_lifted_without_bound():
    clean, hiss = frames(0.1, 0.1), frames(1e-4, 1e-4)
    noisy, speech = mix(clean, hiss, snr_db=0.0, level_dbfs=-20.0, clean_level_dbfs=-20.0, noise_level_dbfs=-20.0)
    # 60 dB below its recording, lifted by 20: 40 dB below the speech.
    assert active_level_dbfs(noisy - speech) == pytest.approx(-60.0, abs=0.1)


def test_noise_of_digital_silence_leaves_the_speech_alone():
    clean = frames(0.1, 0.1)
    zeros = np.zeros_like(clean)
    noisy, speech = mix(clean, zeros, snr_db=0.0, level_dbfs=-26.0, clean_level_dbfs=-20.0, noise_level_dbfs=-20.0)
    np.testing.assert_array_equal(noisy, speech)
