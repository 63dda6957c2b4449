"""What schedules and routers sound like, and which utilization factor a router chooses over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from evaluators.demucs.aims import Routed
from evaluators.demucs.evaluation import portion, sounds
from evaluators.demucs.inference import run_schedules
from evaluators.demucs.preparation import PreparedDemucs
from evaluators.demucs.router import decisions
from evaluators.demucs.routing import run_routed
from evaluators.demucs.schedules import Schedule
from evaluators.demucs.shape import DemucsShape
from evaluators.enhancement.illustration import given_sounds, shown_clips, sound
from evaluators.illustrations import Illustration, Steps
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet


def illustrate(
    shape: DemucsShape, prepared: PreparedDemucs, clips: EvaluationSet, chosen: Sequence[Schedule | Routed]
) -> list[Illustration]:
    """The first clips as they are and by every candidate; the factors over time in the first of them."""
    found: list[Illustration] = []
    for k, clip in enumerate(shown_clips(clips)):
        found += given_sounds(clip)
        for of, one in enumerate(chosen):
            if isinstance(one, Routed):
                found += _of_routed(shape, prepared, clip, one, of, with_steps=k == 0)
            else:
                found += _of_schedule(shape, prepared, clip, one, of)
    return found


def _of_schedule(
    shape: DemucsShape, prepared: PreparedDemucs, clip: EvaluationClip, schedule: Schedule, of: int
) -> Iterator[Illustration]:
    part = portion(shape, [(0, clip)])
    (slimmed,) = run_schedules(prepared.backbone, [schedule], part.prepared.x)
    yield sound(clip, sounds(shape, part, slimmed.y)[0].output, of=of)


@torch.inference_mode()
def _of_routed(
    shape: DemucsShape, prepared: PreparedDemucs, clip: EvaluationClip, one: Routed, of: int, *, with_steps: bool
) -> list[Illustration]:
    network, part = prepared.routed[one.aim], portion(shape, [(0, clip)])
    places = decisions(network.router(part.prepared.leveled), one.bias)
    y = run_routed(network.slices, part.prepared.x, places)
    found: list[Illustration] = [sound(clip, sounds(shape, part, y)[0].output, of=of)]
    if with_steps:
        levels = [f"UF {uf:g}" for uf in shape.ufs]
        values = places[part.is_step].tolist()
        title = f"Utilization factor in {clip.name}"
        found.append(Steps(title, levels, values, 1000 / shape.steps_per_second, of))
    return found
