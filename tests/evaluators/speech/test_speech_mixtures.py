"""Mixtures follow from seed and number alone, and are what the options say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from evaluators.speech.evaluation_sets import MixedSet, PairedSet
from evaluators.speech.levels import active_level_dbfs
from evaluators.speech.mixing_options import MixingOptions
from evaluators.speech.mixtures import MixedExamples, PairedExamples, batch, crop, interleaved, looped
from evaluators.speech.recordings import Clip, Recordings


def recordings(clips, fingerprint=""):
    """A collection of (name, source, kind, samples)."""
    starts = np.cumsum([0, *(len(samples) for *_, samples in clips)])
    array = np.concatenate([samples for *_, samples in clips]).astype(np.float32)
    return Recordings(
        array,
        tuple(
            Clip(name, source, kind, int(start), len(samples), active_level_dbfs(samples.astype(np.float32)))
            for (name, source, kind, samples), start in zip(clips, starts[:-1], strict=True)
        ),
        fingerprint,
    )


def random_recordings(n_clips, n_sources, seconds, seed):
    rng = np.random.default_rng(seed)
    return recordings(
        [
            (f"clip {k}", f"source {k % n_sources}", f"kind {k % 2}", 0.1 * rng.standard_normal(round(seconds * 16000)))
            for k in range(n_clips)
        ]
    )


@pytest.fixture
def examples():
    clean, noise = random_recordings(6, 3, 1.0, seed=0), random_recordings(4, 4, 1.5, seed=1)
    return MixedExamples(clean, noise, MixingOptions(crop_seconds=0.5), seed=7)


def test_same_number_same_mixture_in_any_order(examples):
    forth = [examples.example(k) for k in range(5)]
    back = [examples.example(k) for k in reversed(range(5))]
    for (noisy, clean), (noisy_again, clean_again) in zip(forth, reversed(back), strict=True):
        np.testing.assert_array_equal(noisy, noisy_again)
        np.testing.assert_array_equal(clean, clean_again)
    assert not np.array_equal(forth[0][0], forth[1][0])


def test_other_seed_other_mixture(examples):
    other = MixedExamples(examples.clean, examples.noise, examples.options, seed=8)
    assert not np.array_equal(other.example(0)[0], examples.example(0)[0])


def test_same_mixture_in_another_process():
    program = """
import hashlib, numpy as np
from evaluators.speech.levels import active_level_dbfs
from evaluators.speech.mixtures import MixedExamples, MixingOptions
from evaluators.speech.recordings import Clip, Recordings
noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
parts = [Recordings(noise, (Clip("a", "a", "", 0, 32000, active_level_dbfs(noise)),), "") for _ in range(2)]
noisy, clean = MixedExamples(*parts, MixingOptions(crop_seconds=0.5), seed=3).example(5)
print(hashlib.sha256(noisy.tobytes() + clean.tobytes()).hexdigest())
"""
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout) == 65


def test_ratios_and_levels_stay_in_range(examples):
    options = examples.options
    for k in range(50):
        noisy, clean = examples.example(k)
        snr_db = active_level_dbfs(clean) - active_level_dbfs(noisy - clean)
        # The level of a clip is not exactly that of its crop, even for stationary noise.
        assert options.lowest_snr_db - 0.5 < snr_db < options.highest_snr_db + 0.5
        assert options.lowest_level_dbfs - 0.5 < active_level_dbfs(clean) < options.highest_level_dbfs + 0.5
        assert np.abs(noisy).max() < 1.0


def test_filters_keep_ratios_and_levels(examples):
    filtered = replace(examples, options=MixingOptions(crop_seconds=0.5, equalizer_db=12.0))
    for k in range(30):
        noisy, clean = filtered.example(k)
        snr_db = active_level_dbfs(clean) - active_level_dbfs(noisy - clean)
        assert filtered.options.lowest_snr_db - 0.5 < snr_db < filtered.options.highest_snr_db + 0.5
        assert filtered.options.lowest_level_dbfs - 0.7 < active_level_dbfs(clean)
        assert active_level_dbfs(clean) < filtered.options.highest_level_dbfs + 0.7
    spectra = [np.abs(np.fft.rfft(filtered.example(k)[1])) for k in range(10)]
    tilts = [np.log10(spectrum[2000:].mean() / spectrum[:100].mean()) for spectrum in spectra]
    assert np.ptp(tilts) > 0.5, "white speech is not white any more, and differently so"


def test_speed_moves_tones():
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000)
    clean, noise = recordings([("s", "s", "", tone)]), recordings([("n", "n", "", tone)])
    options = MixingOptions(crop_seconds=1.0, speed_change=0.2, lowest_snr_db=0, highest_snr_db=0)
    found = []
    for k in range(30):
        noisy, speech = MixedExamples(clean, noise, options, seed=0).example(k)
        assert len(speech) == 16000
        found.append([int(np.abs(np.fft.rfft(part)).argmax()) for part in (speech, noisy - speech)])
    assert np.all((np.array(found) >= 798) & (np.array(found) <= 1202))
    assert np.ptp(found, axis=0).min() > 250
    assert any(abs(a - b) > 100 for a, b in found), "speech and noise each have a speed of their own"


def test_without_a_change_of_speed_nothing_tells_of_it():
    assert "speed_change" not in MixingOptions().model_dump()
    assert MixingOptions(speed_change=0.1).model_dump()["speed_change"] == 0.1


def test_babble_is_made_of_other_speakers():
    # Each speaker is a tone; noise proper is another one.
    def tone(frequency_hz):
        return 0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(16000) / 16000)

    speakers = [(f"s{k}", f"s{k}", "", tone(500 + 500 * k)) for k in range(8)]
    clean, noise = recordings(speakers), recordings([("n", "n", "", tone(7000))])
    source = MixedExamples(clean, noise, MixingOptions(crop_seconds=1.0, babble_share=0.5), seed=0)
    n_babble = 0
    for k in range(40):
        noisy, speech = source.example(k)
        heard, own = (np.abs(np.fft.rfft(part)) for part in (noisy - speech, speech))
        tones = {int(f) for f in np.flatnonzero(heard > 0.02 * heard.max())}
        assert int(own.argmax()) not in tones, "nobody babbles over himself"
        n_babble += 7000 not in tones
        assert len(tones & {500 + 500 * i for i in range(8)}) in ((0,) if 7000 in tones else (2, 3, 4, 5, 6))
    assert 10 <= n_babble <= 30


def test_batch_is_its_examples(examples):
    together = batch(examples, [3, 1])
    assert together.noisy.shape == together.clean.shape == (2, 8000)
    np.testing.assert_array_equal(together.noisy[1], examples.example(1)[0])
    np.testing.assert_array_equal(together.clean[0], examples.example(3)[1])


def test_short_utterances_are_followed_by_others_of_the_same_speaker():
    signs = {"ann": 1.0, "bob": -1.0}
    clips = [
        (f"{name} {k}", name, "", sign * np.full(4000, 0.1 * (k + 1))) for name, sign in signs.items() for k in range(3)
    ]
    noise = recordings([("n", "n", "", 1e-9 * np.ones(16000))])
    source = MixedExamples(recordings(clips), noise, MixingOptions(crop_seconds=2.0, lowest_snr_db=20.0), seed=0)
    for k in range(10):
        _, clean = source.example(k)
        heard = clean[clean != 0.0]
        assert len(np.unique(np.sign(heard))) == 1, "one speaker"
        assert len(heard) > 12000, "speech for longer than pauses"
        assert np.ptp(np.abs(heard)) < 1e-5, "all alike loud"
        assert (clean == 0.0).any(), "pauses"


def test_every_source_of_noise_is_as_likely():
    # One source with 9 clips, one with 1: told apart by their sign.
    clips = [(f"many {k}", "many", "", np.full(16000, 0.1)) for k in range(9)]
    noise = recordings([*clips, ("one", "one", "", np.full(16000, -0.1))])
    clean = recordings([("c", "c", "", np.resize([0.1, -0.1], 16000))])
    source = MixedExamples(clean, noise, MixingOptions(crop_seconds=0.5), seed=0)
    share = np.mean([np.mean(noisy - speech) < 0 for noisy, speech in (source.example(k) for k in range(200))])
    assert 0.4 < share < 0.6


def test_crops_and_loops():
    rng = np.random.default_rng(0)
    ramp = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(crop(ramp, 4, 8), [8, 9, 0, 0])
    loop = looped(ramp, 25, rng)
    np.testing.assert_array_equal(np.diff(loop) % 10, 1)
    stretch = looped(ramp, 4, rng)
    np.testing.assert_array_equal(np.diff(stretch), 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest_snr_db": 100.0}, "less than or equal to 60"),
        ({"lowest_snr_db": 30.0}, "lowest_snr_db must not be above highest_snr_db"),
        ({"lowest_level_dbfs": -10.0}, "lowest_level_dbfs must not be above highest_level_dbfs"),
        ({"crop_seconds": 0.0}, "greater than or equal to 0.5"),
        ({"snr": 3.0}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ValidationError, match=message):
        MixingOptions(**options)


def paired():
    clean = random_recordings(4, 2, 1.0, seed=0)
    return Recordings(2 * clean.array, clean.clips, ""), clean


def test_crops_of_pairs_belong_together():
    noisy, clean = paired()
    source = PairedExamples(noisy, clean, MixingOptions(crop_seconds=0.5), seed=0)
    for k in range(10):
        of_noisy, of_clean = source.example(k)
        assert of_clean.shape == (8000,)
        np.testing.assert_allclose(of_noisy, 2 * of_clean, rtol=1e-5)
        assert np.abs(of_noisy).max() <= 1.0 + 1e-6
    np.testing.assert_array_equal(source.example(3)[0], source.example(3)[0])


def test_short_pairs_are_followed_by_silence():
    noisy, clean = paired()
    of_noisy, _ = PairedExamples(noisy, clean, MixingOptions(crop_seconds=2.0), seed=0).example(0)
    assert of_noisy.shape == (32000,)
    assert not of_noisy[16000:].any()
    assert of_noisy[:16000].all()


def test_speakers_take_turns():
    names = [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("c2", "c")]
    collection = recordings([(name, source, "", np.ones(400)) for name, source in names])
    assert [collection.clips[k].name for k in interleaved(collection)] == ["a1", "b1", "c1", "a2", "c2", "a3"]


@pytest.fixture
def mixed_set():
    clean, noise = random_recordings(6, 3, 1.0, seed=0), random_recordings(4, 4, 3.0, seed=1)
    return MixedSet(clean, noise, MixingOptions(), n_clips=12, max_seconds=0.75, seed=2)


def test_set_is_fixed(mixed_set):
    once, again = ([mixed_set[k] for k in range(len(mixed_set))] for _ in range(2))
    for one, other in zip(once, again, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.noisy, other.noisy)
    assert len({clip.name for clip in once}) == 12


def test_set_cuts_long_utterances_only(mixed_set):
    assert len(mixed_set[0].clean) == 12000
    longer = MixedSet(mixed_set.clean, mixed_set.noise, MixingOptions(), n_clips=1, max_seconds=10.0, seed=2)
    assert len(longer[0].clean) == 16000


def test_every_beginning_of_a_set_covers_the_ratios(mixed_set):
    snr_db = [active_level_dbfs(clip.clean) - active_level_dbfs(clip.noisy - clip.clean) for clip in mixed_set]
    for n in (4, 8, 12):
        width = 25.0 / n
        counts, _ = np.histogram(snr_db[:n], bins=np.linspace(-5.1, 20.1, n + 1))
        assert counts.max() <= 2, f"evenly spread over bins of {width} dB"
    assert [float(clip.name.split()[-2]) for clip in mixed_set] == pytest.approx(snr_db, abs=0.3)


def test_set_uses_all_kinds_and_speakers_early(mixed_set):
    noises = {clip.name.split(" + ")[1].split(" at ")[0] for clip in (mixed_set[k] for k in range(4))}
    assert len(noises) == 4
    speakers = {int(mixed_set[k].name.split()[1]) % 3 for k in range(3)}
    assert speakers == {0, 1, 2}


def test_paired_set():
    noisy, clean = paired()
    clips = list(PairedSet(noisy, clean, 3))
    assert [clip.name for clip in clips] == ["clip 0", "clip 1", "clip 2"]
    for clip in clips:
        np.testing.assert_array_equal(clip.noisy, 2 * clip.clean)
