"""What prunings sound like, and how many channels each block keeps over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from evaluators.enhancement.illustration import given_sounds, shown_clips, sound
from evaluators.enhancement.utterances import Utterance
from evaluators.fsenet.evaluation import Enhancer, portion
from evaluators.fsenet.inference import Ratios, run_pruned
from evaluators.fsenet.preparation import PreparedFsenet
from evaluators.fsenet.pruning import Pruning
from evaluators.fsenet.rules import Rule
from evaluators.illustrations import Illustration, Steps
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.stft import waveform

N_LEVELS = 10
LEVELS = tuple(f"{100 * level // N_LEVELS} % kept" for level in range(N_LEVELS + 1))


def illustrate_prunings(
    prepared: PreparedFsenet, enhancer: Enhancer, clips: EvaluationSet, prunings: Sequence[Pruning]
) -> list[Illustration]:
    """The first clips as they are and by every pruning; the shares of channels kept in the first of them."""
    found: list[Illustration] = []
    for k, clip in enumerate(shown_clips(clips)):
        found += given_sounds(clip)
        for of, pruning in enumerate(prunings):
            found += _of_pruning(prepared, enhancer, clip, pruning, of, with_steps=k == 0)
    return found


def _of_pruning(
    prepared: PreparedFsenet, enhancer: Enhancer, clip: EvaluationClip, pruning: Pruning, of: int, *, with_steps: bool
) -> Iterator[Illustration]:
    network = prepared.network(pruning.method, pruning.target)
    rules = enhancer.rules(pruning.method, pruning.target).of(pruning.ratios)
    part = portion([(0, Utterance(clip))], network.shape.features)
    kept: list[Tensor] = []

    def chosen(prefix: Ratios, x: Tensor) -> Rule:
        k = len(prefix) - 1
        seen = None if network.shape.is_causal else part.is_frame
        kept.append(rules[k].kept(network.blocks[k], x, seen).expand(x.shape)[0])
        return rules[k]

    (pruned,) = run_pruned(network, [pruning.ratios], chosen, part.x, part.is_frame)
    yield sound(clip, waveform(part.utterances[0].spectra * pruned.mask[0], len(clip.noisy)).numpy(), of=of)
    if with_steps and pruning.has_gates:
        for name, of_block in zip(network.shape.blocks, kept, strict=True):
            levels = torch.round(of_block.float().mean(dim=1) * N_LEVELS).int().tolist()
            title = f"Channels that {name} keeps in {clip.name}"
            yield Steps(title, LEVELS, levels, 1000 / FRAMES_PER_SECOND, of)
