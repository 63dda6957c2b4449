"""Measures many prunings on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from evaluators.enhancement.utterances import Utterance
from evaluators.fsenet.folded import FoldedFsenet
from evaluators.fsenet.inference import Fixed, Ratios, Rules, run_pruned
from evaluators.fsenet.network import features
from evaluators.fsenet.preparation import PreparedFsenet
from evaluators.fsenet.pruning import Method, Pruning
from evaluators.fsenet.rules import Rule
from evaluators.fsenet.shape import Features
from evaluators.speech.clip_scores import Score
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.speech.stft import waveform

CLIPS_AT_ONCE = 8
"""Of a pass. It is the same for any number of prunings, so that their results do not depend on their company."""


@dataclass(frozen=True)
class Portion:
    """Some clips, transformed and padded to the same length.

    Attributes:
        numbers: Which clips of the set.
        utterances: These clips.
        x: Features, shape (n_clips, n_frames, n_bins).
        is_frame: Which frames there are, shape (n_clips, n_frames).
    """

    numbers: Sequence[int]
    utterances: Sequence[Utterance]
    x: Tensor
    is_frame: Tensor


@dataclass(frozen=True)
class PruningScores:
    """What a pruning does on a set of clips.

    Attributes:
        table: Scores of every clip.
        use: For each block, in which share of the frames it kept each of its channels.
    """

    table: ScoreTable
    use: tuple[tuple[float, ...], ...]


def portions(utterances: Sequence[Utterance], kind: Features, at_once: int = CLIPS_AT_ONCE) -> list[Portion]:
    """Clips a few at a time, those of like length together."""
    in_order = sorted(range(len(utterances)), key=lambda k: len(utterances[k].clip.noisy))
    groups = [in_order[i : i + at_once] for i in range(0, len(in_order), at_once)]
    return [portion([(k, utterances[k]) for k in group], kind) for group in groups]


def portion(numbered: Sequence[tuple[int, Utterance]], kind: Features) -> Portion:
    """Clips with their numbers, padded."""
    utterances = [utterance for _, utterance in numbered]
    lengths = torch.tensor([len(utterance.spectra) for utterance in utterances])
    x = pad_sequence([features(utterance.spectra, kind) for utterance in utterances], batch_first=True)
    is_frame = torch.arange(x.shape[1]) < lengths[:, None]
    return Portion([k for k, _ in numbered], utterances, x, is_frame)


class Enhancer:
    """A prepared network at work, which keeps the rules that it has found.

    Args:
        prepared: The network.
        calibration: The clips on which thresholds are chosen.
    """

    def __init__(self, prepared: PreparedFsenet, calibration: Portion) -> None:
        self._prepared = prepared
        self._calibration = calibration
        self._rules: dict[tuple[Method, float], Rules] = {}

    def rules(self, method: Method, target: float) -> Rules:
        """The rules of a method, for the network trained for a target."""
        if (method, target) not in self._rules:
            network = self._prepared.network(method, target)
            self._rules[method, target] = Rules(network, method, self._calibration.x, self._calibration.is_frame)
        return self._rules[method, target]

    def reached(self, target: float) -> float:
        """Share of channels that gates keep on the calibration clips, as they were trained, with thresholds of 0."""
        network, part = self._prepared.gated[target], self._calibration
        always = torch.ones(network.shape.bottleneck, dtype=torch.bool)
        whole: Ratios = (0.0,) * len(network.blocks)
        as_trained = Fixed(network, [Rule(0.0, always)] * len(network.blocks))
        (pruned,) = run_pruned(network, [whole], as_trained, part.x, part.is_frame)
        return sum(map(sum, pruned.n_kept)) / (
            int(part.is_frame.sum()) * network.shape.bottleneck * len(network.blocks)
        )

    def score(self, among: Sequence[Portion], wanted: Sequence[Pruning], scorer: Scorer) -> list[PruningScores]:
        """Scores of every pruning, in order; each different one is run once.

        Raises:
            EvaluationError: If a ratio cannot be met.
        """
        groups: dict[tuple[Method, float], list[Ratios]] = {}
        for pruning in dict.fromkeys(wanted):
            groups.setdefault((pruning.method, pruning.target), []).append(pruning.ratios)
        found: dict[Pruning, PruningScores] = {}
        for (method, target), ratios in groups.items():
            rules = self.rules(method, target)
            rules.find(ratios)
            network = self._prepared.network(method, target)
            tally = {one: _Tally(network, sum(len(part.numbers) for part in among)) for one in ratios}
            for part in among:
                for pruned in run_pruned(network, ratios, rules, part.x, part.is_frame):
                    items = _sounds(part, pruned.mask)
                    tally[pruned.ratios].add(part, pruned.n_kept, scorer.score(items))
            for one, of_one in tally.items():
                found[Pruning(method, target, one)] = of_one.result()
        return [found[pruning] for pruning in wanted]


class _Tally:
    """Adds up what the portions give."""

    def __init__(self, network: FoldedFsenet, n_clips: int) -> None:
        self._names = [""] * n_clips
        self._scores: list[Mapping[str, Score]] = [{}] * n_clips
        self._n_kept = np.zeros((len(network.blocks), network.shape.bottleneck), dtype=np.int64)
        self._n_frames = 0

    def add(self, part: Portion, n_kept: Sequence[Sequence[int]], scores: Sequence[Mapping[str, Score]]) -> None:
        for k, utterance, of_clip in zip(part.numbers, part.utterances, scores, strict=True):
            self._names[k], self._scores[k] = utterance.clip.name, of_clip
        self._n_kept += np.array(n_kept)
        self._n_frames += int(part.is_frame.sum())

    def result(self) -> PruningScores:
        use = tuple(map(tuple, (self._n_kept / self._n_frames).tolist()))
        return PruningScores(ScoreTable(self._names, self._scores), use)


def _sounds(part: Portion, mask: Tensor) -> list[Scorable]:
    items = []
    for utterance, gains in zip(part.utterances, mask, strict=True):
        clip, spectra = utterance.clip, utterance.spectra
        samples = waveform(spectra * gains[: len(spectra)], len(clip.noisy)).numpy()
        items.append(Scorable(clip.clean, samples))
    return items
