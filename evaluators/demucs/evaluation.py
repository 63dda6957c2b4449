"""Measures many schedules, or many leanings of routers, on the same clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.demucs.aims import Aim, Routed
from evaluators.demucs.inference import Prepared, Slices, run_schedules
from evaluators.demucs.router import decisions
from evaluators.demucs.routing import RoutedSlices, run_routed
from evaluators.demucs.schedules import Schedule
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.streaming import check_length
from evaluators.speech.clip_scores import Score
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer

SAMPLES_AT_ONCE = 500_000
"""Of a pass, upsampled, padding included. It is the same for any number of candidates, so that their results do not
depend on their company."""


@dataclass(frozen=True)
class Portion:
    """Some clips of like length, side by side.

    Attributes:
        numbers: Which clips of the set.
        clips: These clips.
        prepared: What a network hears.
        is_step: Which steps there are of each clip, shape (n_clips, n_steps).
    """

    numbers: Sequence[int]
    clips: Sequence[EvaluationClip]
    prepared: Prepared
    is_step: Tensor


@dataclass(frozen=True)
class RoutedScores:
    """What a routed network does on a set of clips.

    Attributes:
        table: Scores of every clip.
        n_steps: Steps at each utilization factor, of all clips.
    """

    table: ScoreTable
    n_steps: tuple[int, ...]


def portions(shape: DemucsShape, clips: Sequence[EvaluationClip]) -> list[Portion]:
    """Clips of a set, those of like length together.

    Raises:
        EvaluationError: If a clip is shorter than one step of the bottleneck.
    """
    for clip in clips:
        check_length(len(clip.noisy), shape.step_samples, f"clip {clip.name!r}")
    found, numbers = [], list[int]()
    for k in sorted(range(len(clips)), key=lambda k: len(clips[k].noisy)):
        if numbers and (len(numbers) + 1) * len(clips[k].noisy) * shape.upsampling > SAMPLES_AT_ONCE:
            found.append(portion(shape, [(n, clips[n]) for n in numbers]))
            numbers = []
        numbers.append(k)
    return [*found, portion(shape, [(n, clips[n]) for n in numbers])]


def portion(shape: DemucsShape, numbered: Sequence[tuple[int, EvaluationClip]]) -> Portion:
    """Clips with their numbers, made ready for the network."""
    longest = max(len(clip.noisy) for _, clip in numbered)
    samples = torch.zeros(len(numbered), longest)
    for row, (_, clip) in zip(samples, numbered, strict=True):
        row[: len(clip.noisy)] = torch.tensor(clip.noisy)
    prepared = Prepared.of(shape, samples)
    n_steps = torch.tensor([-(-len(clip.noisy) // shape.step_samples) for _, clip in numbered])
    is_step = torch.arange(prepared.levels.shape[1]) < n_steps[:, None]
    return Portion([k for k, _ in numbered], [clip for _, clip in numbered], prepared, is_step)


def score_schedules(
    slices: Slices, among: Sequence[Portion], wanted: Sequence[Schedule], scorer: Scorer
) -> list[ScoreTable]:
    """Scores of every schedule, in order; each different one is run once."""
    tables = {schedule: _Table(among) for schedule in wanted}
    for part in among:
        for slimmed in run_schedules(slices, list(tables), part.prepared.x):
            tables[slimmed.schedule].add(part, scorer.score(sounds(slices.shape, part, slimmed.y)))
    found = {schedule: table.result() for schedule, table in tables.items()}
    return [found[schedule] for schedule in wanted]


def score_routed(
    networks: Mapping[Aim, RoutedSlices], among: Sequence[Portion], wanted: Sequence[Routed], scorer: Scorer
) -> list[RoutedScores]:
    """Scores of every routed network and leaning, in order; each different one is run once, each router once."""
    tables = {routed: _Table(among) for routed in wanted}
    n_steps: dict[Routed, Tensor] = {}
    for part in among:
        for routed, chosen, y in _routed(networks, part, list(tables)):
            shape = networks[routed.aim].slices.shape
            tables[routed].add(part, scorer.score(sounds(shape, part, y)))
            counted = torch.bincount(chosen[part.is_step], minlength=len(shape.ufs))
            n_steps[routed] = n_steps.get(routed, torch.zeros_like(counted)) + counted
    found = {routed: RoutedScores(t.result(), tuple(n_steps[routed].tolist())) for routed, t in tables.items()}
    return [found[routed] for routed in wanted]


@torch.inference_mode()
def mean_utilization(network: RoutedSlices, among: Sequence[Portion]) -> float:
    """Mean over time of the factors that a router chooses when it leans nowhere."""
    ufs = torch.tensor(network.slices.shape.ufs)
    chosen = [decisions(network.router(part.prepared.leveled), 0.0)[part.is_step] for part in among]
    return float(ufs[torch.cat(chosen)].mean())


@torch.inference_mode()
def _routed(
    networks: Mapping[Aim, RoutedSlices], part: Portion, wanted: Sequence[Routed]
) -> Iterator[tuple[Routed, Tensor, Tensor]]:
    for aim in dict.fromkeys(routed.aim for routed in wanted):
        network = networks[aim]
        logits = network.router(part.prepared.leveled)
        for routed in wanted:
            if routed.aim == aim:
                chosen = decisions(logits, routed.bias)
                yield routed, chosen, run_routed(network.slices, part.prepared.x, chosen)


def sounds(shape: DemucsShape, part: Portion, y: Tensor) -> list[Scorable]:
    """Outputs of a network as they are played, beside the clean speech."""
    longest = max(len(clip.noisy) for clip in part.clips)
    played = part.prepared.sounds(shape, y, longest).numpy()
    return [Scorable(clip.clean, row[: len(clip.noisy)]) for clip, row in zip(part.clips, played, strict=True)]


class _Table:
    """Puts together what the portions give."""

    def __init__(self, among: Sequence[Portion]) -> None:
        n_clips = sum(len(part.clips) for part in among)
        self._names = [""] * n_clips
        self._scores: list[Mapping[str, Score]] = [{}] * n_clips

    def add(self, part: Portion, scores: Sequence[Mapping[str, Score]]) -> None:
        for k, clip, of_clip in zip(part.numbers, part.clips, scores, strict=True):
            self._names[k], self._scores[k] = clip.name, of_clip

    def result(self) -> ScoreTable:
        return ScoreTable(self._names, self._scores)
