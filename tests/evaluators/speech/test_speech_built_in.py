"""Synthesized speech and generated noise: always the same, and what they claim to be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from evaluators.errors import EvaluationError
from evaluators.speech import built_in
from evaluators.speech.built_in import ACCENTS, BABBLERS, SPEAKERS, built_in_noise, built_in_speech
from evaluators.speech.levels import active_level_dbfs
from evaluators.speech.noises import BABBLE_VOICES, GENERATORS, LEVEL_DBFS, babble, modulated, pink, white
from evaluators.speech.sentences import SENTENCES
from evaluators.speech.synthesis import Utterance, synthesize
from evaluators.system import Context

N_SAMPLES = 4 * 16000

pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")


def slope_db_per_octave(samples):
    """Of the power between 100 Hz and 6 kHz."""
    hz, power = welch(samples, 16000, nperseg=1024)
    band = (hz > 100) & (hz < 6000)
    return np.polyfit(np.log2(hz[band]), 10 * np.log10(power[band]), 1)[0]


def test_a_script_is_always_spoken_alike():
    script = [Utterance("Good morning.", "en-us+f2"), Utterance("Is it raining?", "en-gb-scotland+m3", 180, 60)]
    once, again = list(synthesize(script)), list(synthesize(script))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.float32
        assert 0.4 < len(one) / 16000 < 3.0


def test_speed_is_heard():
    slow, fast = synthesize([Utterance(SENTENCES[0], "en-us", words) for words in (120, 200)])
    assert len(slow) > 1.3 * len(fast)


def test_unknown_voice_is_named():
    with pytest.raises(EvaluationError, match="built-in speech cannot be made: eSpeak NG has no voice 'xx-martian'"):
        list(synthesize([Utterance("Hello.", "xx-martian")]))


def test_a_script_may_be_left_early():
    utterances = synthesize([Utterance(sentence, "en-us") for sentence in SENTENCES])
    assert len(next(utterances)) > 0
    utterances.close()


def test_sentences_and_voices_are_distinct():
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert len(set(SPEAKERS) | set(BABBLERS)) == len(SPEAKERS) + len(BABBLERS)
    assert len(BABBLERS) >= BABBLE_VOICES[1]


@pytest.mark.parametrize("kind", GENERATORS)
def test_noise_follows_from_the_generator(kind):
    one, same, other = (GENERATORS[kind](np.random.default_rng(seed), N_SAMPLES) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert (one.dtype, one.shape) == (np.float32, (N_SAMPLES,))
    assert active_level_dbfs(one) == pytest.approx(LEVEL_DBFS, abs=0.01)


def test_colours():
    rng = np.random.default_rng(0)
    assert slope_db_per_octave(white(rng, 10 * 16000)) == pytest.approx(0.0, abs=0.2)
    slopes = [slope_db_per_octave(pink(rng, 10 * 16000)) for _ in range(5)]
    assert all(-4.2 < slope < -1.8 for slope in slopes)


def test_modulated_noise_swells_and_stationary_noise_does_not():
    def spread_db(samples):
        energies = np.square(samples.reshape(-1, 1600)).mean(axis=1)
        return np.ptp(10 * np.log10(energies))

    rng = np.random.default_rng(0)
    assert spread_db(modulated(rng, N_SAMPLES)) > 8.0
    assert spread_db(white(rng, N_SAMPLES)) < 2.0


def test_babble_is_made_of_its_voices():
    hz = (200, 300, 400, 500, 600, 700)
    voices = [np.sin(2 * np.pi * f * np.arange(16000) / 16000).astype(np.float32) for f in hz]
    samples = babble(np.random.default_rng(0), N_SAMPLES, voices)
    spectrum = np.abs(np.fft.rfft(samples))
    heard = [f for f in hz if spectrum[f * N_SAMPLES // 16000] > 0.1 * spectrum.max()]
    assert BABBLE_VOICES[0] <= len(heard) <= BABBLE_VOICES[1]
    assert active_level_dbfs(samples) == pytest.approx(LEVEL_DBFS, abs=0.01)


def test_built_in_collections(tmp_path, monkeypatch):
    monkeypatch.setattr(built_in, "SPEAKERS", SPEAKERS[:3])
    monkeypatch.setattr(built_in, "SENTENCES_EACH", 2)
    monkeypatch.setattr(built_in, "NOISE_SOURCES_EACH", 1)
    monkeypatch.setattr(built_in, "NOISE_SECONDS", 1)
    context = Context(tmp_path)
    speech, noise = built_in_speech(context), built_in_noise(context)
    assert {source: len(takes) for source, takes in speech.by_source.items()} == dict.fromkeys(SPEAKERS[:3], 2)
    assert set(noise.kinds.values()) == {*GENERATORS, "babble"}
    assert noise.seconds == len(noise)
    monkeypatch.setattr(built_in, "synthesize", lambda _: pytest.fail("was synthesized"))
    assert built_in_speech(context).fingerprint == speech.fingerprint
    assert built_in_noise(context).fingerprint == noise.fingerprint


def test_every_built_in_voice_exists():
    script = [Utterance("Yes.", f"{accent}+{SPEAKERS[0]}") for accent in ACCENTS]
    script += [Utterance("No.", f"en-us+{variant}") for variant in (*SPEAKERS, *BABBLERS)]
    assert all(np.abs(samples).max() < 1.0 for samples in synthesize(script))
