"""A trained slimmable DEMUCS and its routers, kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluators.demucs.aims import Aim
from evaluators.demucs.evaluation import Portion, portions
from evaluators.demucs.inference import Slices
from evaluators.demucs.leaning import at_target
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.routing import RoutedSlices
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.standing import clearly_dominated, standing
from evaluators.demucs.trainer import RoutedDemucs
from evaluators.demucs.training import backbone_key, router_key, train_backbone, train_jointly, train_router
from evaluators.demucs.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.threads import one_thread

PREPARATION_VERSION = 3
"""To be raised whenever the same weights give other sound; measurements kept before are ignored."""


@dataclass(frozen=True)
class PreparedDemucs:
    """What an evaluation needs.

    Attributes:
        backbone: Trained at all utilization factors.
        routed: Aim -> trained further with a router towards it.
        stopped: Aims whose routers were not trained jointly, see `standing`.
        fingerprint: Identity of data, training and arithmetic.
    """

    backbone: Slices
    routed: Mapping[Aim, RoutedSlices]
    stopped: tuple[Aim, ...]
    fingerprint: str


def prepare_demucs(
    shape: DemucsShape,
    router: RouterShape,
    data: SpeechData,
    training: TrainingOptions,
    aims: Sequence[Aim],
    context: Context,
) -> PreparedDemucs:
    """Train the networks, or take them from the cache; routers that others dominate clearly are stopped half-way.

    Raises:
        EvaluationError: If a training fails.
    """
    backbone = train_backbone(shape, data, training, context)
    heard = _calibration(shape, data) if aims else []
    alone = {aim: train_router(backbone, router, aim, data, training, context) for aim in aims}
    stopped = _stopped(alone, heard)
    routed, stages = {}, {}
    for aim, found in alone.items():
        stages[aim] = "router" if aim in stopped else "joint"
        last = found if aim in stopped else train_jointly(found, aim, data, training, context)
        with one_thread():
            routed[aim] = at_target(_slices(last), aim.utilization, heard)
    keys = [f"{router_key(shape, router, aim, data, training)} {stages[aim]}" for aim in aims]
    settings = {
        "version": PREPARATION_VERSION,
        "data": data.fingerprint,
        "networks": [backbone_key(shape, data, training), *keys],
    }
    return PreparedDemucs(Slices(backbone), routed, tuple(stopped), settings_hash(settings))


def _calibration(shape: DemucsShape, data: SpeechData) -> list[Portion]:
    clips = data.evaluation["calibration"]
    with one_thread():
        return portions(shape, [clips[k] for k in range(len(clips))])


def _slices(routed: RoutedDemucs) -> RoutedSlices:
    return RoutedSlices(Slices(routed.network), routed.router.requires_grad_(False))


def _stopped(trained: Mapping[Aim, RoutedDemucs], heard: Sequence[Portion]) -> list[Aim]:
    """Which aims to train for no longer, judged on calibration clips."""
    if len(trained) < 2:
        return []
    with one_thread():
        standings = [standing(_slices(found), heard) for found in trained.values()]
    return [aim for aim, is_out in zip(trained, clearly_dominated(standings), strict=True) if is_out]
