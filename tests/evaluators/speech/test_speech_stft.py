"""The front end: perfect reconstruction, a sum by hand, and the same frames hop by hop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.speech.frames import ALGORITHMIC_DELAY_MS, FRAMES_PER_SECOND, HOP_SAMPLES, N_BINS, n_frames
from evaluators.speech.stft import StreamingStft, log_power, spectrum, waveform, window


@given(n_samples=st.integers(1, 3000), seed=st.integers(0, 99))
def test_an_untouched_spectrum_gives_the_sound_back(n_samples, seed):
    samples = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(seed))
    spectra = spectrum(samples)
    assert spectra.shape == (2, n_frames(n_samples), N_BINS)
    torch.testing.assert_close(waveform(spectra, n_samples), samples, atol=1e-5, rtol=0)


def test_squared_windows_add_up_to_one():
    squares = window().square()
    torch.testing.assert_close(squares[:HOP_SAMPLES] + squares[HOP_SAMPLES:], torch.ones(HOP_SAMPLES))


def test_a_frame_is_a_discrete_fourier_transform():
    samples = torch.randn(1024, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    n = np.arange(512)
    # Frame 2 covers hops 1 and 2; bin 7 by the definition of the transform.
    windowed = samples[256:768].numpy() * np.sin(np.pi * n / 512)
    expected = np.sum(windowed * np.exp(-2j * np.pi * 7 * n / 512))
    assert spectrum(samples.float())[2, 7].item() == pytest.approx(expected, abs=1e-4)


def test_the_first_frame_mirrors_the_first_hop():
    hop = torch.arange(1.0, 257.0)
    heard = torch.cat([torch.zeros(1), hop[1:].flip(0), hop])
    torch.testing.assert_close(spectrum(hop)[0], torch.fft.rfft(heard * window()))


def test_the_power_of_silence_is_limited():
    assert log_power(torch.zeros(3, dtype=torch.complex64)).tolist() == pytest.approx([-12.0] * 3)
    assert log_power(torch.tensor([3 + 4j])).item() == pytest.approx(np.log10(25))


def test_hop_by_hop_gives_the_same_frames_and_the_same_sound():
    samples = np.random.default_rng(2).standard_normal(5 * HOP_SAMPLES).astype(np.float32)
    stream = StreamingStft()
    hops = [*samples.reshape(-1, HOP_SAMPLES), np.zeros(HOP_SAMPLES, np.float32)]
    frames = [stream.analyze(hop) for hop in hops]
    np.testing.assert_allclose(np.stack(frames), spectrum(torch.from_numpy(samples)).numpy(), atol=1e-4)
    heard = np.concatenate([stream.synthesize(frame) for frame in frames])
    # A hop comes out when the next one has gone in.
    np.testing.assert_allclose(heard[HOP_SAMPLES:], samples, atol=1e-5)


def test_rates_and_delay():
    assert (FRAMES_PER_SECOND, ALGORITHMIC_DELAY_MS) == (62.5, 32.0)
