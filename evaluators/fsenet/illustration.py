"""What prunings sound like, and how many channels each block keeps over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from evaluators.enhancement.illustration import given_sounds, shown_clips, sound
from evaluators.fsenet.evaluation import Enhancer
from evaluators.fsenet.inference import Fixed
from evaluators.fsenet.network import features
from evaluators.fsenet.pruning import Pruning
from evaluators.illustrations import Illustration, Steps
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.stft import spectrum, waveform

N_LEVELS = 10
LEVELS = tuple(f"{100 * level // N_LEVELS} % kept" for level in range(N_LEVELS + 1))


def illustrate_prunings(enhancer: Enhancer, clips: EvaluationSet, prunings: Sequence[Pruning]) -> list[Illustration]:
    """The first clips as they are and by every pruning; the shares of channels kept in the first of them."""
    found: list[Illustration] = []
    for k, clip in enumerate(shown_clips(clips)):
        found += given_sounds(clip)
        for of, pruning in enumerate(prunings):
            pruned = enhancer.rules(pruning.method, pruning.target).of(pruning.ratios)
            found += _of_pruning(pruned, clip, of, with_steps=k == 0 and pruning.has_gates)
    return found


def _of_pruning(pruned: Fixed, clip: EvaluationClip, of: int, *, with_steps: bool) -> Iterator[Illustration]:
    spectra = spectrum(torch.tensor(clip.noisy))
    shape = pruned.network.shape
    gains, kept = pruned.run(features(spectra, shape.features))
    yield sound(clip, waveform(spectra * gains, len(clip.noisy)).numpy(), of=of)
    if with_steps:
        for name, of_block in zip(shape.blocks, kept, strict=True):
            levels = torch.round(of_block.float().mean(dim=1) * N_LEVELS).int().tolist()
            yield Steps(f"Channels kept in {clip.name}", LEVELS, levels, 1000 / FRAMES_PER_SECOND, of, name)
