"""Measures many routes on the same clips: every clip is looked at, transformed and run through shared stages once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.enhancement.utterances import Utterance
from evaluators.nsnet2.inference import Outcome, run_routes
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import Exit
from evaluators.speech.clip_scores import Score
from evaluators.speech.frames import FRAME_SAMPLES
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.speech.sound import Samples
from evaluators.speech.stft import log_power, overlapped, windowed_frames

FRAMES_AT_ONCE = 80_000
"""Frames times routes of a pass; each takes up to three kilobytes."""
ROWS_AT_ONCE = 1024
"""Of masks: few enough to stay in the processor's cache on their way to the sound."""


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
    # Memory that is asked for anew in every pass costs more than what is done with it.
    room = torch.empty(FRAMES_AT_ONCE, FRAME_SAMPLES)
    for numbers in _portions([len(u.spectra) for u in utterances], FRAMES_AT_ONCE // len(routes)):
        lengths = [len(utterances[k].spectra) for k in numbers]
        spectra = torch.cat([utterances[k].spectra for k in numbers])
        outcome = run_routes(prepared.network, prepared.heads, routes, log_power(spectra), lengths)
        for r, leaving in enumerate(n_leaving):
            for exit_, n in outcome.n_leaving(r).items():
                leaving[exit_] = leaving.get(exit_, 0) + n
        frames = _frames(prepared.network, outcome, spectra, room)
        yield list(_sounds(outcome, frames, numbers, lengths, utterances))


@torch.inference_mode()
def _frames(network: NsNet2, outcome: Outcome, spectra: Tensor, room: Tensor) -> Tensor:
    """All that leaves, in the time domain, shape (n_rows, FRAME_SAMPLES); written into `room` if there is enough."""
    n_rows = sum(len(leaving.frames) for leaving in outcome.leaving)
    frames = room[:n_rows] if n_rows <= len(room) else room.new_empty(n_rows, FRAME_SAMPLES)
    start = 0
    for leaving in outcome.leaving:
        numbers = torch.from_numpy(leaving.frames)
        for features, chosen in zip(
            torch.split(leaving.features, ROWS_AT_ONCE), torch.split(numbers, ROWS_AT_ONCE), strict=True
        ):
            mask = network.mask(leaving.exit, features)
            windowed_frames(spectra[chosen].mul_(mask), out=frames[start : start + len(chosen)])
            start += len(chosen)
    return frames


def _sounds(
    outcome: Outcome, frames: Tensor, numbers: Sequence[int], lengths: Sequence[int], utterances: Sequence[Utterance]
) -> Iterator[Enhanced]:
    """Every clip of a portion by every route."""
    rows = torch.from_numpy(outcome.rows)
    for k, of_clip in zip(numbers, torch.split(rows, list(lengths), dim=1), strict=True):
        n_samples = len(utterances[k].clip.noisy)
        for r, of_route in enumerate(of_clip):
            yield Enhanced(k, r, overlapped(frames, of_route, n_samples).numpy())


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
