"""Noisy speech made on the fly: the same seed and number give the same mixture, in any process and in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import resample

from evaluators.speech.equalizer import equalized
from evaluators.speech.levels import active_level_dbfs, amplified, mix
from evaluators.speech.mixing_options import MixingOptions
from evaluators.speech.noises import BABBLE_VOICES, babble
from evaluators.speech.recordings import Recordings
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

MIXING_VERSION = 1
"""To be raised whenever the same recordings give other mixtures."""
PAUSE_SECONDS = (0.1, 0.4)
"""Between two utterances of a speaker, where one is too short."""


@dataclass(frozen=True)
class Batch:
    """Training examples.

    Attributes:
        noisy: What a network hears, shape (n_examples, n_samples).
        clean: What it should make of it, of the same shape.
    """

    noisy: Samples
    clean: Samples


class TrainingExamples(Protocol):
    """An endless supply of training examples."""

    def example(self, index: int) -> tuple[Samples, Samples]:
        """Noisy and clean speech of one example; the same for the same index."""


@dataclass(frozen=True)
class MixedExamples:
    """Random crops of speech in random crops of noise.

    Attributes:
        clean: Speech; every clip is as likely as any other.
        noise: Noise; every source is as likely as any other, and so is every clip of it.
        options: How to mix.
        seed: Chooses other mixtures.
    """

    clean: Recordings
    noise: Recordings
    options: MixingOptions
    seed: int

    def example(self, index: int) -> tuple[Samples, Samples]:
        """Noisy and clean speech, each of shape (`options.crop_samples`,)."""
        rng = np.random.default_rng([self.seed, index])
        options = self.options
        k = int(rng.integers(len(self.clean)))
        (n_speech, n_noise), n_samples = self._lengths(rng), options.crop_samples
        speech, clean_level_dbfs = self._speech(rng, k, n_speech), self.clean.clips[k].level_dbfs
        noise, noise_level_dbfs = self._noise(rng, self.clean.clips[k].source, n_noise)
        speech, noise = played(speech, n_samples), played(noise, n_samples)
        if options.equalizer_db > 0:
            before_dbfs = active_level_dbfs(speech)
            speech, noise = (equalized(rng, part, options.equalizer_db) for part in (speech, noise))
            # What the filter does to this stretch stands for what it would do to the whole recording.
            clean_level_dbfs += active_level_dbfs(speech) - before_dbfs
            noise_level_dbfs = active_level_dbfs(noise)
        return mix(
            speech,
            noise,
            snr_db=rng.uniform(options.lowest_snr_db, options.highest_snr_db),
            level_dbfs=rng.uniform(options.lowest_level_dbfs, options.highest_level_dbfs),
            clean_level_dbfs=clean_level_dbfs,
            noise_level_dbfs=noise_level_dbfs,
        )

    def _lengths(self, rng: np.random.Generator) -> tuple[int, int]:
        """Samples of speech and of noise that an example is made of, before their speed is changed."""
        n_samples, change = self.options.crop_samples, self.options.speed_change
        if change == 0:
            return n_samples, n_samples
        speech, noise = (next_fast_len(round(n_samples * f)) for f in rng.uniform(1 - change, 1 + change, 2))
        return speech, noise

    def _noise(self, rng: np.random.Generator, speaker: str, n_samples: int) -> tuple[Samples, float]:
        """A stretch of noise, or others talking, and the level of the recording that it comes from."""
        others = [source for source in self.clean.by_source if source != speaker]
        share = self.options.babble_share
        if share > 0 and len(others) >= BABBLE_VOICES[1] and rng.random() < share:
            clips = [self.clean.by_source[source] for source in others]
            voices = [self.clean.samples(takes[int(rng.integers(len(takes)))]) for takes in clips]
            talk = babble(rng, n_samples, voices)
            return talk, active_level_dbfs(talk)
        takes = list(self.noise.by_source.values())[int(rng.integers(len(self.noise.by_source)))]
        index = takes[int(rng.integers(len(takes)))]
        return looped(self.noise.samples(index), n_samples, rng), self.noise.clips[index].level_dbfs

    def _speech(self, rng: np.random.Generator, k: int, n_samples: int) -> Samples:
        """A crop of clip k; where the clip is too short, its speaker goes on with others, as loud as this one."""
        first = self.clean.clips[k]
        if first.n_samples >= n_samples:
            return crop(self.clean.samples(k), n_samples, int(rng.integers(first.n_samples - n_samples + 1)))
        filled = np.zeros(n_samples, dtype=np.float32)
        others = self.clean.by_source[first.source]
        start = 0
        while start < n_samples:
            gain_db = first.level_dbfs - self.clean.clips[k].level_dbfs
            samples = amplified(self.clean.samples(k)[: n_samples - start], gain_db)
            filled[start : start + len(samples)] = samples
            start += len(samples) + round(rng.uniform(*PAUSE_SECONDS) * SAMPLE_RATE_HZ)
            k = others[int(rng.integers(len(others)))]
        return filled


@dataclass(frozen=True)
class PairedExamples:
    """Random crops of recorded pairs, at random levels.

    Attributes:
        noisy: Noisy speech.
        clean: The same utterances without noise, in the same order and of the same lengths.
        options: Crops and levels; the signal-to-noise ratio is that of the recordings.
        seed: Chooses other crops.
    """

    noisy: Recordings
    clean: Recordings
    options: MixingOptions
    seed: int

    def example(self, index: int) -> tuple[Samples, Samples]:
        """Noisy and clean speech, each of shape (`options.crop_samples`,); zeros follow a short utterance."""
        rng = np.random.default_rng([self.seed, index])
        k = int(rng.integers(len(self.clean)))
        n_samples = self.options.crop_samples
        clip = self.clean.clips[k]
        start = int(rng.integers(max(1, clip.n_samples - n_samples + 1)))
        level_dbfs = rng.uniform(self.options.lowest_level_dbfs, self.options.highest_level_dbfs)
        noisy, clean = (crop(part.samples(k), n_samples, start) for part in (self.noisy, self.clean))
        # The noise may be far louder than the speech; a pair is turned down rather than clipped.
        headroom_db = -20.0 * float(np.log10(max(np.abs(noisy).max(), np.abs(clean).max(), 1e-6)))
        gain_db = min(level_dbfs - clip.level_dbfs, headroom_db)
        return amplified(noisy, gain_db), amplified(clean, gain_db)


def batch(examples: TrainingExamples, indices: Iterable[int]) -> Batch:
    """The examples of the indices, in order."""
    noisy, clean = zip(*(examples.example(index) for index in indices), strict=True)
    return Batch(np.stack(noisy), np.stack(clean))


def crop(samples: Samples, n_samples: int, start: int) -> Samples:
    """A copy of `n_samples` from `start` on; zeros fill up what the recording lacks."""
    filled = np.zeros(n_samples, dtype=np.float32)
    stretch = samples[start : start + n_samples]
    filled[: len(stretch)] = stretch
    return filled


def played(samples: Samples, n_samples: int) -> Samples:
    """The whole sound faster or slower, so that it has so many samples: pitch and formants move along."""
    if len(samples) == n_samples:
        return samples
    return np.asarray(resample(samples, n_samples), dtype=np.float32)


def looped(samples: Samples, n_samples: int, rng: np.random.Generator) -> Samples:
    """A random stretch of the recording, which begins anew when it is over, shape (n_samples,)."""
    if len(samples) >= n_samples:
        return crop(samples, n_samples, int(rng.integers(len(samples) - n_samples + 1)))
    start = int(rng.integers(len(samples)))
    return np.take(samples, np.arange(start, start + n_samples), mode="wrap")


def interleaved(recordings: Recordings) -> Sequence[int]:
    """All clips, a first one of each source, then a second one, ...: every beginning is fair to the sources."""
    turns = [(turn, n) for n, takes in enumerate(recordings.by_source.values()) for turn in range(len(takes))]
    takes_of = list(recordings.by_source.values())
    return [takes_of[n][turn] for turn, n in sorted(turns)]
