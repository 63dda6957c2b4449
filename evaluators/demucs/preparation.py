"""A trained slimmable DEMUCS and its routers, kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluators.demucs.aims import Aim
from evaluators.demucs.inference import Slices
from evaluators.demucs.router import Router
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.training import backbone_key, router_key, train_backbone, train_router
from evaluators.demucs.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.storage import settings_hash
from evaluators.system import Context

PREPARATION_VERSION = 1
"""To be raised whenever the same weights give other sound; measurements kept before are ignored."""


@dataclass(frozen=True)
class RoutedSlices:
    """A network trained with a router.

    Attributes:
        slices: Of the network.
        router: Its router.
    """

    slices: Slices
    router: Router


@dataclass(frozen=True)
class PreparedDemucs:
    """What an evaluation needs.

    Attributes:
        backbone: Trained at all utilization factors.
        routed: Aim -> trained further with a router towards it.
        fingerprint: Identity of data, training and arithmetic.
    """

    backbone: Slices
    routed: Mapping[Aim, RoutedSlices]
    fingerprint: str


def prepare_demucs(
    shape: DemucsShape,
    router: RouterShape,
    data: SpeechData,
    training: TrainingOptions,
    aims: Sequence[Aim],
    context: Context,
) -> PreparedDemucs:
    """Train the networks, or take them from the cache.

    Raises:
        EvaluationError: If a training fails.
    """
    backbone = train_backbone(shape, data, training, context)
    routed = {}
    for aim in aims:
        found = train_router(backbone, router, aim, data, training, context)
        routed[aim] = RoutedSlices(Slices(found.network), found.router.requires_grad_(False))
    keys = [backbone_key(shape, data, training), *(router_key(shape, router, aim, data, training) for aim in aims)]
    settings = {"version": PREPARATION_VERSION, "data": data.fingerprint, "networks": keys}
    return PreparedDemucs(Slices(backbone), routed, settings_hash(settings))
