"""Fixed sets of noisy speech to measure on: always the same clips, made when they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from evaluators.speech.levels import mix
from evaluators.speech.mixing_options import MixingOptions
from evaluators.speech.mixtures import crop, interleaved, looped
from evaluators.speech.recordings import Recordings
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples
from evaluators.speech.splitting import fair_order

_GOLDEN_RATIO = 0.6180339887498949


@dataclass(frozen=True)
class EvaluationClip:
    """One clip of a set.

    Attributes:
        name: What is said, and in which noise.
        noisy: What a network hears, shape (n_samples,).
        clean: The speech alone, of the same shape.
    """

    name: str
    noisy: Samples
    clean: Samples


class EvaluationSet(Protocol):
    """Clips in an order of which every beginning is a fair sample."""

    def __len__(self) -> int:
        """Number of clips."""

    def __getitem__(self, k: int) -> EvaluationClip:
        """The k-th clip; always the same."""


@dataclass(frozen=True)
class MixedSet:
    """Whole utterances in noise; speakers, kinds of noise and signal-to-noise ratios take turns.

    Attributes:
        clean: Speech.
        noise: Noise.
        options: How to mix; crops do not matter.
        n_clips: Size of the set; if larger than that of `clean`, utterances come again in other noise.
        max_seconds: Longer utterances are cut at their end.
        seed: Chooses crops of noise and levels.
    """

    clean: Recordings
    noise: Recordings
    options: MixingOptions
    n_clips: int
    max_seconds: float
    seed: int

    def __len__(self) -> int:
        return self.n_clips

    def __getitem__(self, k: int) -> EvaluationClip:
        """Mix the k-th clip."""
        if not 0 <= k < self.n_clips:
            raise IndexError(k)
        rng = np.random.default_rng([self.seed, k])
        index = self._utterances[k % len(self._utterances)]
        clip = self.clean.clips[index]
        speech = crop(self.clean.samples(index), min(clip.n_samples, round(self.max_seconds * SAMPLE_RATE_HZ)), 0)
        takes = self.noise.by_source[self._sources[k % len(self._sources)]]
        noise_index = takes[k // len(self._sources) % len(takes)]
        options = self.options
        # Multiples of the golden ratio spread any number of values evenly over [0, 1).
        spread = (0.5 + k * _GOLDEN_RATIO) % 1.0
        snr_db = options.lowest_snr_db + (options.highest_snr_db - options.lowest_snr_db) * spread
        noisy, clean = mix(
            speech,
            looped(self.noise.samples(noise_index), len(speech), rng),
            snr_db=snr_db,
            level_dbfs=rng.uniform(options.lowest_level_dbfs, options.highest_level_dbfs),
            clean_level_dbfs=clip.level_dbfs,
            noise_level_dbfs=self.noise.clips[noise_index].level_dbfs,
        )
        return EvaluationClip(f"{clip.name} + {self.noise.clips[noise_index].name} at {snr_db:.1f} dB", noisy, clean)

    @cached_property
    def _utterances(self) -> Sequence[int]:
        return interleaved(self.clean)

    @cached_property
    def _sources(self) -> Sequence[str]:
        return fair_order(self.noise.kinds, self.seed)


@dataclass(frozen=True)
class PairedSet:
    """Recorded pairs as they are, speakers taking turns.

    Attributes:
        noisy: Noisy speech.
        clean: The same utterances without noise, in the same order and of the same lengths.
        n_clips: Size of the set, at most that of `clean`.
    """

    noisy: Recordings
    clean: Recordings
    n_clips: int

    def __len__(self) -> int:
        return self.n_clips

    def __getitem__(self, k: int) -> EvaluationClip:
        """Look up the k-th pair."""
        if not 0 <= k < self.n_clips:
            raise IndexError(k)
        index = self._order[k]
        return EvaluationClip(self.clean.clips[index].name, self.noisy.samples(index), self.clean.samples(index))

    @cached_property
    def _order(self) -> Sequence[int]:
        return interleaved(self.clean)
