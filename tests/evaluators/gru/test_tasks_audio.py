"""Recordings, their log-mel features, and the cache of these."""

from __future__ import annotations

import importlib
import os
import struct
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluators.gru.tasks import DataError
from evaluators.gru.tasks.audio import read_audio
from evaluators.gru.tasks.features import FLOOR_DB, FeatureOptions, log_mel, mel_filters
from evaluators.gru.tasks.recordings import features_of
from evaluators.system import Context

RATE = 8000


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = RATE) -> Path:
    """Samples in [-1, 1], shape (n_samples,) or (n_samples, n_channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


def tone(hz: float, seconds: float = 0.5, rate_hz: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


class Watcher:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.told.append((title, total))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.told.append(steps)

    def finish(self) -> None:
        self.told.append("finished")


def test_samples_are_read(tmp_path: Path) -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.0])
    read = read_audio(write_wav(tmp_path / "x.wav", samples), RATE)
    assert read.dtype == np.float32
    assert read == pytest.approx(samples, abs=1e-4)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.array([[0.2, 0.4], [-0.6, 0.0]])
    assert read_audio(write_wav(tmp_path / "x.wav", stereo), RATE) == pytest.approx([0.3, -0.3], abs=1e-4)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 6000])
def test_other_rates_are_resampled(tmp_path: Path, rate_hz: int) -> None:
    read = read_audio(write_wav(tmp_path / "x.wav", tone(440, rate_hz=rate_hz), rate_hz), RATE)
    assert abs(len(read) - RATE // 2) <= 1
    inner = slice(400, 3600)  # away from the edges, where the filter sees silence
    assert read[inner] == pytest.approx(tone(440)[: len(read)][inner], abs=5e-3)


def wav_bytes(*, sample_bytes: int = 2, format_tag: int = 1, n_channels: int = 1, cut: int = 0) -> bytes:
    data = bytes(8 * sample_bytes * n_channels)
    layout = struct.pack(
        "<HHIIHH", format_tag, n_channels, RATE, RATE * sample_bytes, sample_bytes * n_channels, 8 * sample_bytes
    )
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(data)) + data
    return (b"RIFF" + struct.pack("<I", len(body)) + body)[: len(body) + 8 - cut]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a WAV file that can be read: it ends too early"),
        (b"fLaC" + bytes(40), "is not a WAV file that can be read: file does not start with RIFF id"),
        (wav_bytes()[:30], "is not a WAV file that can be read"),
        (wav_bytes(format_tag=3), "is not a WAV file that can be read: unknown format: 3"),
        (wav_bytes(sample_bytes=3), r"has 24 bits a sample\. Expected: 16-bit PCM\. Convert it"),
        (
            wav_bytes().replace(struct.pack("<I", RATE), bytes(4)),
            r"has a sample rate of 0 Hz\. Expected: 1000 to 384000",
        ),
        (wav_bytes(cut=3), r"is cut short: 6 samples\. Expected: 8 as its header says"),
        (wav_bytes()[:-16].replace(b"data\x10", b"data\x00"), "holds no samples"),
    ],
)
def test_broken_recording_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"broken\.wav: {message}"):
        read_audio(path, RATE)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_recording_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(wav_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.wav"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(DataError):
        samples = read_audio(path, RATE)
        assert np.isfinite(samples).all()


def test_flac_without_soundfile_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        DataError, match=r'reading FLAC needs the package soundfile\. Run: pip install "tinypareto\[speech'
    ):
        read_audio(tmp_path / "x.flac", RATE)


def test_flac_reads_like_wav(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = tone(440)
    soundfile.write(tmp_path / "x.flac", samples, RATE, subtype="PCM_16")
    expected = read_audio(write_wav(tmp_path / "x.wav", samples), RATE)
    assert read_audio(tmp_path / "x.flac", RATE) == pytest.approx(expected, abs=1e-4)
    (tmp_path / "broken.flac").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"broken\.flac: cannot be read"):
        read_audio(tmp_path / "broken.flac", RATE)


def test_tone_is_loudest_in_its_own_band() -> None:
    options = FeatureOptions()
    filters = mel_filters(options.n_mels, 256, RATE)
    for hz in (200, 700, 1500, 3000):
        features = log_mel(tone(hz).astype(np.float32), options)
        band = int(features.mean(axis=0).argmax())
        assert filters[:, round(hz * 256 / RATE)].argmax() == band
        assert features.max() == 0.0
        assert features.min() >= FLOOR_DB


def test_level_does_not_matter() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    assert log_mel(noise * 0.01, FeatureOptions()) == pytest.approx(log_mel(noise, FeatureOptions()), abs=1e-3)


def test_steps_follow_from_the_length() -> None:
    # 25 ms windows of 200 samples every 80: 4000 samples are covered by 1 + ceil(3800 / 80) = 49 frames, 25 steps.
    assert log_mel(tone(440).astype(np.float32), FeatureOptions()).shape == (25, 20)
    assert log_mel(np.ones(1, np.float32), FeatureOptions()).shape == (1, 20)


def test_silence_is_all_floor() -> None:
    assert (log_mel(np.zeros(1000, np.float32), FeatureOptions()) == FLOOR_DB).all()


def test_long_recordings_are_cut_to_their_loudest_stretch() -> None:
    options = FeatureOptions(max_seconds=0.25)
    word = tone(900, 0.25).astype(np.float32)
    quiet = np.random.default_rng(0).normal(0, 1e-4, RATE).astype(np.float32)
    buried = np.concatenate([quiet[:2400], word, quiet])
    assert log_mel(buried, options) == pytest.approx(log_mel(word, options), abs=0.5)


def test_steps_are_means_of_frames() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)  # 11 frames
    fine, coarse = (log_mel(noise, FeatureOptions(frames_per_step=n)) for n in (1, 4))
    power = 10 ** (fine / 10)
    means = np.stack([power[:4].mean(axis=0), power[4:8].mean(axis=0), power[8:].mean(axis=0)])
    assert coarse == pytest.approx(10 * np.log10(means / means.max()), abs=1e-3)


@pytest.mark.parametrize(("n_mels", "rate_hz", "n_fft"), [(20, 8000, 256), (40, 16000, 512), (128, 4000, 128)])
def test_filters_cover_the_spectrum(n_mels: int, rate_hz: int, n_fft: int) -> None:
    filters = mel_filters(n_mels, n_fft, rate_hz)
    assert filters.shape == (n_mels, n_fft // 2 + 1)
    assert (filters.sum(axis=1) > 0).all()
    assert (filters >= 0).all()
    assert filters.max() <= 1.0
    if n_mels <= 40:  # Between the first peak and the last, rising and falling sides add up to one.
        first, last = filters[0].argmax() + 1, filters[-1].argmax() - 1
        assert filters.sum(axis=0)[first:last] == pytest.approx(1.0, abs=1e-9)


def test_peaks_are_equally_far_apart_in_mel() -> None:
    peaks_hz = mel_filters(10, 1 << 16, RATE).argmax(axis=1) * RATE / (1 << 16)
    mels = 2595 * np.log10(1 + peaks_hz / 700)
    # From 60 Hz (91.5 mel) to 4 kHz (2146.1 mel) in 11 equal parts of 186.78.
    assert np.diff(mels) == pytest.approx(186.78, abs=0.3)


def recordings(folder: Path, n: int = 3) -> list[Path]:
    return [write_wav(folder / f"{k}.wav", tone(300 * (k + 1), 0.1 * (k + 1))) for k in range(n)]


def test_features_are_computed_once(tmp_path: Path) -> None:
    files, watcher = recordings(tmp_path), Watcher()
    context = Context(tmp_path / "cache", watcher)
    first = features_of(files, tmp_path, FeatureOptions(), context)
    assert watcher.told == [("features of recordings", 3), 3, "finished"]
    second = features_of(files, tmp_path, FeatureOptions(), context)
    assert len(watcher.told) == 3
    assert all((a == b).all() and a.dtype == b.dtype for a, b in zip(first, second, strict=True))
    features_of(files, tmp_path, FeatureOptions(), Context(tmp_path / "cache", watcher, fresh=True))
    assert len(watcher.told) == 6


@pytest.mark.parametrize("change", ["settings", "touched", "fewer"])
def test_changes_are_noticed(tmp_path: Path, change: str) -> None:
    files, watcher = recordings(tmp_path), Watcher()
    context = Context(tmp_path / "cache", watcher)
    features_of(files, tmp_path, FeatureOptions(), context)
    if change == "touched":
        os.utime(files[1], ns=(1, 1))
    features_of(
        files[:2] if change == "fewer" else files,
        tmp_path,
        FeatureOptions(n_mels=16) if change == "settings" else FeatureOptions(),
        context,
    )
    assert len(watcher.told) == 6


def test_root_and_seed_do_not_matter_to_the_cache(tmp_path: Path) -> None:
    files, watcher = recordings(tmp_path), Watcher()
    context = Context(tmp_path / "cache", watcher)
    features_of(files, tmp_path, FeatureOptions(), context)
    features_of(files, tmp_path, FeatureOptions(root=tmp_path, split_seed=3), context)
    assert len(watcher.told) == 3


def test_damaged_cache_is_named(tmp_path: Path) -> None:
    files, context = recordings(tmp_path), Context(tmp_path / "cache")
    features_of(files, tmp_path, FeatureOptions(), context)
    (path,) = (tmp_path / "cache" / "features").iterdir()
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=rf"{path.name}: the cached features cannot be read: .*Delete it"):
        features_of(files, tmp_path, FeatureOptions(), context)


def test_watcher_is_told_of_the_end_even_of_failure(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    watcher = Watcher()
    with pytest.raises(DataError, match=r"bad\.wav"):
        features_of([tmp_path / "bad.wav"], tmp_path, FeatureOptions(), Context(tmp_path / "cache", watcher))
    assert watcher.told[-1] == "finished"
    assert not (tmp_path / "cache").exists()
