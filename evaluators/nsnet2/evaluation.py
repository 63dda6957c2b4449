"""Measures many routes on the same clips: every clip is looked at, transformed and run through shared stages once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from evaluators.nsnet2.inference import run_routes
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import Exit
from evaluators.speech.clip_scores import Score
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.speech.sound import Samples
from evaluators.speech.stft import log_power, spectrum, waveform

FRAMES_AT_ONCE = 40_000
"""Frames times routes of a pass; each takes some six kilobytes."""


@dataclass(frozen=True)
class Utterance:
    """A clip, transformed.

    Attributes:
        clip: The clip.
        spectra: Of the noisy speech, shape (n_frames, n_bins).
    """

    clip: EvaluationClip
    spectra: Tensor


@dataclass(frozen=True)
class RouteScores:
    """What a route does on a set of clips.

    Attributes:
        table: Scores of every clip.
        n_leaving: Exit -> frames that left there, of all clips.
    """

    table: ScoreTable
    n_leaving: Mapping[Exit, int]


@dataclass(frozen=True)
class Enhanced:
    """A clip as one route leaves it.

    Attributes:
        utterance: Its number.
        route: Its number.
        samples: The sound, as long as the clip.
    """

    utterance: int
    route: int
    samples: Samples


def utterances(clips: EvaluationSet, n_clips: int) -> list[Utterance]:
    """The first clips of a set, transformed."""
    chosen = [clips[k] for k in range(n_clips)]
    return [Utterance(clip, spectrum(torch.tensor(clip.noisy))) for clip in chosen]


def score_routes(
    prepared: PreparedNsNet2, utterances: Sequence[Utterance], routes: Sequence[Route], scorer: Scorer
) -> list[RouteScores]:
    """Scores of every route, in order; each different route is run once."""
    different = list(dict.fromkeys(routes))
    n_leaving: list[dict[Exit, int]] = [{} for _ in different]
    scores: list[list[Mapping[str, Score]]] = [[{}] * len(utterances) for _ in different]
    for enhanced in enhance(prepared, utterances, different, n_leaving):
        items = [Scorable(utterances[e.utterance].clip.clean, e.samples) for e in enhanced]
        for e, of_clip in zip(enhanced, scorer.score(items), strict=True):
            scores[e.route][e.utterance] = of_clip
    names = [utterance.clip.name for utterance in utterances]
    found = {
        route: RouteScores(ScoreTable(names, of_route), leaving)
        for route, of_route, leaving in zip(different, scores, n_leaving, strict=True)
    }
    return [found[route] for route in routes]


def enhance(
    prepared: PreparedNsNet2,
    utterances: Sequence[Utterance],
    routes: Sequence[Route],
    n_leaving: Sequence[dict[Exit, int]],
) -> Iterator[list[Enhanced]]:
    """Every clip by every route, a few clips at a time.

    Args:
        prepared: The network.
        utterances: The clips.
        routes: Without repeats.
        n_leaving: For each route, takes in how many frames left at each exit.
    """
    for numbers in _portions([len(u.spectra) for u in utterances], FRAMES_AT_ONCE // len(routes)):
        spectra = [utterances[k].spectra for k in numbers]
        lengths = torch.tensor([len(s) for s in spectra])
        x = pad_sequence([log_power(s) for s in spectra], batch_first=True)
        portion: list[Enhanced] = []
        for r, result in enumerate(run_routes(prepared.network, prepared.heads, routes, x, lengths)):
            for exit_, n in result.n_leaving.items():
                n_leaving[r][exit_] = n_leaving[r].get(exit_, 0) + n
            for k, of_clip, mask in zip(numbers, spectra, result.masks, strict=True):
                n_samples = len(utterances[k].clip.noisy)
                samples = waveform(of_clip * mask[: len(of_clip)], n_samples).numpy()
                portion.append(Enhanced(k, r, samples))
        yield portion


def _portions(lengths: Sequence[int], at_once: int) -> Iterator[list[int]]:
    """Numbers of clips that fit into one pass, clips of like length together."""
    portion: list[int] = []
    for k in sorted(range(len(lengths)), key=lambda k: lengths[k]):
        if portion and (len(portion) + 1) * lengths[k] > at_once:
            yield portion
            portion = []
        portion.append(k)
    if portion:
        yield portion
