"""Clips to listen to: what is shown of them, whatever enhances."""

from __future__ import annotations

from collections.abc import Iterator

from evaluators.illustrations import Sound
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.players import flac
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

N_CLIPS = 3
MAX_SECONDS = 4.0
"""Of each clip: what is listened to travels inside the report."""


def shown_clips(clips: EvaluationSet) -> list[EvaluationClip]:
    """The beginnings of the first clips."""
    n_samples = round(MAX_SECONDS * SAMPLE_RATE_HZ)
    whole = [clips[k] for k in range(min(N_CLIPS, len(clips)))]
    return [EvaluationClip(clip.name, clip.noisy[:n_samples], clip.clean[:n_samples]) for clip in whole]


def given_sounds(clip: EvaluationClip) -> Iterator[Sound]:
    """A clip as it is, noisy and clean."""
    yield sound(clip, clip.noisy, "noisy")
    yield sound(clip, clip.clean, "clean")


def sound(clip: EvaluationClip, samples: Samples, title: str = "", of: int | None = None) -> Sound:
    """What became of a clip, by the configuration of that position."""
    return Sound(clip.name, title, flac(samples), "flac", of)
