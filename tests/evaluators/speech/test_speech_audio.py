"""Files of any format come out as 16 kHz mono, and bad ones with a message that names them."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.errors import DataError
from evaluators.speech.audio import read_audio

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.WAV", "PCM_32"), ("a.flac", "PCM_16")],
)
def test_formats(write, tone, name, subtype):
    samples = tone()
    found, rate_hz = read_audio(write(name, samples, subtype=subtype))
    assert (found.dtype, rate_hz) == (np.float32, 16000)
    np.testing.assert_allclose(found, samples, atol=1 / 32768)


def test_sixteen_bits_are_exact(write):
    integers = np.random.default_rng(0).integers(-20000, 20000, 8000)
    found, _ = read_audio(write("a.wav", integers.astype(np.int16)))
    np.testing.assert_array_equal(found * 32768, integers)


def test_channels_are_averaged(write, tone):
    left, right = tone(440.0), tone(1000.0)
    found, _ = read_audio(write("a.wav", np.stack([left, right], axis=1), subtype="FLOAT"))
    np.testing.assert_allclose(found, (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000])
def test_other_rates_keep_pitch_level_and_length(write, rate_hz):
    seconds = np.arange(rate_hz) / rate_hz
    path = write("a.wav", 0.5 * np.sin(2 * np.pi * 1000 * seconds), rate_hz, "FLOAT")
    found, native_hz = read_audio(path)
    assert native_hz == rate_hz
    assert len(found) == pytest.approx(16000, abs=1)
    inner = found[2000:14000]
    # A sine of 1 kHz at 16 kHz again, whatever its phase: compared with its projection on sine and cosine.
    phases = 2 * np.pi * 1000 * np.arange(2000, 14000) / 16000
    basis = np.stack([np.sin(phases), np.cos(phases)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, inner, rcond=None)
    assert np.hypot(*weights) == pytest.approx(0.5, abs=1e-3)
    assert np.abs(inner - basis @ weights).max() < 2e-3


def test_what_the_rate_cannot_hold_is_filtered_out(write, tone):
    seconds = np.arange(48000) / 48000
    # 12 kHz would come back as 4 kHz.
    path = write("a.wav", 0.4 * np.sin(2 * np.pi * 12000 * seconds) + 0.1, 48000, "FLOAT")
    found, _ = read_audio(path)
    np.testing.assert_allclose(found[1000:-1000], 0.1, atol=1e-4)


def _bad(write, kind):
    loud = np.clip(3 * np.sin(np.arange(16000) / 10), -1, 1)
    match kind:
        case "silent":
            return write("bad.wav", np.zeros(16000))
        case "clipped":
            return write("bad.wav", loud, subtype="FLOAT")
        case "nan":
            return write("bad.wav", np.where(np.arange(16000) == 99, np.nan, 0.1), subtype="FLOAT")
        case "empty":
            return write("bad.wav", np.zeros(0))
        case "short":
            return write("bad.wav", np.full(1600, 0.1))
    path = write("bad.wav", np.full(16000, 0.1))
    path.write_bytes(b"not a sound")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("silent", "is silent"),
        ("clipped", "is clipped: .* % of its samples are at full scale"),
        ("nan", "holds samples that are not finite"),
        ("empty", "holds no samples"),
        ("short", "is 0.10 s long. Expected: at least 0.3 s"),
        ("garbage", "cannot be read"),
    ],
)
def test_bad_files(write, kind, message):
    path = _bad(write, kind)
    with pytest.raises(DataError, match=rf"bad\.wav: {message}"):
        read_audio(path, may_clip=False)


def test_noise_may_be_clipped(write):
    read_audio(_bad(write, "clipped"))


def test_ten_hours_are_refused_before_they_are_decoded(write, monkeypatch):
    # A rate of 1 Hz makes ten hours of 36,000 samples.
    path = write("long.wav", np.full(36000, 0.1), 1)
    monkeypatch.setattr(np, "isfinite", lambda _: pytest.fail("was decoded"))
    with pytest.raises(DataError, match=r"long\.wav: is 10\.0 h long\. Expected: at most 1 h\. Cut it into pieces\."):
        read_audio(path)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.wav: cannot be read"):
        read_audio(tmp_path / "gone.wav")
