"""Measures of quality: by hand, against other implementations, and on real recordings."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.errors import DataError
from evaluators.metrics import METRICS
from evaluators.speech.clip_scores import DNSMOS_METRICS, WORST, Score, score_clip
from evaluators.speech.dnsmos import P835_FILE, WINDOW_SAMPLES, DnsMos, log_mel, windows
from evaluators.speech.folders import read_pairs
from evaluators.speech.intelligibility import stoi_and_estoi
from evaluators.speech.signal_metrics import SI_SDR_RANGE_DB, UnscorableError, pesq_wide_band, si_sdr_db
from evaluators.system import Context


@pytest.fixture(scope="module")
def speech():
    """Two seconds that rise and fall like syllables, in noise of 10 dB less, and without."""
    rng = np.random.default_rng(0)
    seconds = np.arange(32000) / 16000
    carrier = sum(np.sin(2 * np.pi * 140 * k * seconds) / k for k in range(1, 25))
    clean = 0.1 * carrier * np.maximum(0.0, np.sin(2 * np.pi * 2 * seconds)) ** 2
    noisy = clean + 0.02 * rng.standard_normal(32000)
    return clean.astype(np.float32), noisy.astype(np.float32)


def float32(*values):
    return np.array(values, dtype=np.float32)


def test_si_sdr_by_hand():
    # The part of (4, 2, 0) along (1, 1, 0) is (3, 3, 0), of energy 18; what is left is (1, -1, 0), of energy 2.
    assert si_sdr_db(float32(1, 1, 0), float32(4, 2, 0)) == pytest.approx(10 * np.log10(18 / 2))


def test_si_sdr_ignores_scale_and_sign(speech):
    clean, noisy = speech
    expected = si_sdr_db(clean, noisy)
    assert si_sdr_db(clean, np.float32(0.5) * noisy) == pytest.approx(expected, abs=1e-6)
    assert si_sdr_db(np.float32(-2) * clean, noisy) == pytest.approx(expected, abs=1e-6)


def test_si_sdr_is_finite_at_its_ends():
    assert si_sdr_db(float32(1, 2), float32(2, 4)) == pytest.approx(SI_SDR_RANGE_DB[1])
    assert si_sdr_db(float32(1, 0), float32(0, 1)) == pytest.approx(SI_SDR_RANGE_DB[0])


def test_pesq_of_the_clean_signal_is_the_best_there_is(speech):
    pytest.importorskip("pesq")
    clean, noisy = speech
    # P.862.2 maps the highest raw score, 4.5, to 0.999 + 4 / (1 + exp(-1.3669 * 4.5 + 3.8224)).
    assert pesq_wide_band(clean, clean) == pytest.approx(0.999 + 4 / (1 + np.exp(-1.3669 * 4.5 + 3.8224)), abs=1e-4)
    assert 1.0 < pesq_wide_band(clean, noisy) < 3.0


def test_pesq_says_whose_fault_it_is(speech):
    pytest.importorskip("pesq")
    clean, _ = speech
    with pytest.raises(UnscorableError, match="too short for PESQ") as caught:
        pesq_wide_band(clean[:3000], clean[:3000])
    assert caught.value.is_clips_fault
    only_at_the_end = np.where(np.arange(len(clean)) < len(clean) - 400, 0, 0.3 * np.sin(np.arange(len(clean))))
    with pytest.raises(UnscorableError, match="PESQ finds no speech in the clean signal") as caught:
        pesq_wide_band(only_at_the_end.astype(np.float32), clean)
    assert caught.value.is_clips_fault
    with pytest.raises(UnscorableError, match="PESQ finds no speech beside this output") as caught:
        pesq_wide_band(clean, np.float32(1e30) * clean)
    assert not caught.value.is_clips_fault
    with pytest.raises(UnscorableError, match="PESQ hears nothing in the output") as caught:
        pesq_wide_band(clean, np.full_like(clean, 1e-30))
    assert not caught.value.is_clips_fault


@pytest.mark.parametrize("gain", [0.3, 3.0])
def test_intelligibility_agrees_with_another_implementation(speech, gain):
    pystoi = pytest.importorskip("pystoi")
    clean, noisy = speech
    output = np.float32(gain) * noisy
    stoi, estoi = stoi_and_estoi(clean, output)
    assert stoi == pytest.approx(pystoi.stoi(clean, output, 16000), abs=1e-9)
    assert estoi == pytest.approx(pystoi.stoi(clean, output, 16000, extended=True), abs=1e-9)


def test_intelligibility_of_the_clean_signal_is_one(speech):
    clean, _ = speech
    assert stoi_and_estoi(clean, clean) == pytest.approx((1.0, 1.0), abs=1e-6)


def test_more_noise_is_less_intelligible(speech):
    clean, noisy = speech
    worse = clean + 10 * (noisy - clean)
    assert all(low < high for low, high in zip(stoi_and_estoi(clean, worse), stoi_and_estoi(clean, noisy), strict=True))


@pytest.mark.parametrize("n_samples", [100, 1000, 5000])
def test_too_little_speech_for_stoi(speech, n_samples):
    clean, noisy = speech
    with pytest.raises(UnscorableError) as caught:
        stoi_and_estoi(clean[3000:][:n_samples], noisy[3000:][:n_samples])
    assert caught.value.is_clips_fault


def test_every_metric_is_known_by_name_and_worse_is_worse():
    assert set(WORST) <= set(METRICS)
    assert set(DNSMOS_METRICS) <= set(WORST)
    assert all(METRICS[name].direction == "max" for name in WORST)


def test_only_what_is_asked_for_is_measured(speech):
    assert list(score_clip(*speech, ["si_sdr_db"])) == ["si_sdr_db"]
    assert list(score_clip(*speech, ["estoi", "stoi"])) == ["stoi", "estoi"]


METRICS_OF_SIGNALS = ("pesq", "stoi", "estoi", "si_sdr_db")


@pytest.mark.parametrize(
    ("output", "reason"),
    [(np.zeros(32000), "the output is silent"), (np.full(32000, np.nan), "the output is not finite")],
)
def test_bad_outputs_get_the_worst_value_and_a_reason(speech, output, reason):
    scores = score_clip(speech[0], output.astype(np.float32), METRICS_OF_SIGNALS)
    assert scores == {name: Score(WORST[name], reason) for name in METRICS_OF_SIGNALS}


@pytest.mark.parametrize(
    ("clean", "reason"),
    [(np.zeros(32000), "the clean signal is silent"), (np.full(32000, np.inf), "the clean signal is not finite")],
)
def test_bad_clips_are_left_out_with_a_reason(speech, clean, reason):
    scores = score_clip(clean.astype(np.float32), speech[1], METRICS_OF_SIGNALS)
    assert scores == {name: Score(None, reason) for name in METRICS_OF_SIGNALS}


def test_short_clips_are_scored_by_what_can_score_them(speech):
    pytest.importorskip("pesq")
    short = speech[0][2000:5000]
    scores = score_clip(short, short, METRICS_OF_SIGNALS)
    assert scores["pesq"] == Score(None, "too short for PESQ")
    assert scores["stoi"].value is None
    assert scores["si_sdr_db"].value == pytest.approx(SI_SDR_RANGE_DB[1])


def test_other_lengths_are_a_mistake(speech):
    with pytest.raises(ValueError, match=r"shape \(32000,\) and an output of shape \(31999,\)"):
        score_clip(speech[0], speech[1][:-1], ["si_sdr_db"])


@pytest.mark.parametrize(
    ("seconds", "n_windows"),
    # 5 s are repeated to 10 s; of 12.5 s, rounded down to 12, three windows of 9.01 s begin at 0, 1 and 2 s.
    [(5.0, 1), (9.01, 1), (10.5, 1), (11.0, 2), (12.5, 3), (6.25, 3), (0.5, 1)],
)
def test_windows_of_dnsmos(seconds, n_windows):
    output = np.arange(round(seconds * 16000), dtype=np.float32)
    found = windows(output)
    assert len(found) == n_windows
    for k, window in enumerate(found):
        np.testing.assert_array_equal(window, (k * 16000 + np.arange(WINDOW_SAMPLES)) % len(output))


def test_log_mel_of_a_tone(tone):
    features = log_mel(tone(1000.0, seconds=9.0))
    assert features.shape == (900, 120)
    middle = features[450]
    assert features.max() == 1.0
    assert features.min() >= -1.0
    # 1 kHz is mel 15 of 15 + 27 log(8) / log(6.4) = 45.2; bands are centred 45.2 / 121 mel apart, the first at one.
    assert middle.argmax() == round(15 / (15 + 27 * np.log(8) / np.log(6.4)) * 121) - 1


def test_log_mel_of_a_chirp_agrees_with_librosa():
    seconds = np.arange(32000) / 16000
    chirp = (0.5 * np.sin(2 * np.pi * (100 * seconds + 1900 * seconds**2))).astype(np.float32)
    features = log_mel(chirp)
    assert features.shape == (200, 120)
    # By librosa 0.11: melspectrogram(n_fft=321, hop_length=160, n_mels=120), then (power_to_db(ref=max) + 40) / 40.
    np.testing.assert_allclose(
        features[100, 89:96], [-0.44522, -0.0047, 0.63755, 0.86918, 0.68176, -0.06119, -0.4828], atol=1e-4
    )
    assert features.mean() == pytest.approx(-0.89741, abs=1e-4)


def test_dnsmos_needs_its_files(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(DataError, match=r"sig_bak_ovr\.onnx: there is no such file"):
        DnsMos(tmp_path).p835(float32(*range(100)))
    (tmp_path / P835_FILE).write_bytes(b"not a network")
    with pytest.raises(DataError, match=r"sig_bak_ovr\.onnx: cannot be loaded"):
        DnsMos(tmp_path).p835(float32(*range(100)))


def test_dnsmos_of_a_real_pair(real_data, tmp_path):
    pytest.importorskip("onnxruntime")
    noisy, clean = read_pairs(real_data / "pairs_voicebank_demand", Context(tmp_path))
    k = next(k for k, clip in enumerate(clean.clips) if clip.name.endswith("p232_005.wav"))
    networks = DnsMos(real_data / "models" / "dnsmos")
    # The data's own notes give 3.43 and 2.54 for a single window; 9.01 s hold just one of this clip, repeated.
    for recordings, overall in ((clean, 3.43), (noisy, 2.54)):
        window = windows(recordings.samples(k))[0]
        assert networks.p835(window)[2] == pytest.approx(overall, abs=0.005)
    assert networks.p808(noisy.samples(k)) < networks.p808(clean.samples(k)) < 5.0


@pytest.mark.slow
def test_yardsticks_of_the_real_pairs(real_data, tmp_path):
    pytest.importorskip("pesq")
    noisy, clean = read_pairs(real_data / "pairs_voicebank_demand", Context(tmp_path))
    scores = [score_clip(clean.samples(k), noisy.samples(k), METRICS_OF_SIGNALS) for k in range(len(clean))]
    means = {name: np.mean([of_clip[name].value for of_clip in scores]) for name in METRICS_OF_SIGNALS}
    assert len(scores) == 40
    assert means["pesq"] == pytest.approx(1.82, abs=0.005)
    assert means["stoi"] == pytest.approx(0.899, abs=0.0006)
    assert means["si_sdr_db"] == pytest.approx(7.2, abs=0.05)
