"""Trains a slimmable DEMUCS once, then a router for every aim; an interrupted training goes on to the same weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict

from evaluators.demucs.aims import Aim
from evaluators.demucs.network import SlimmableDemucs
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.trainer import BackboneTrainer, RoutedDemucs, RouterTrainer, Stage, initialized, with_router
from evaluators.demucs.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.epochs import Files, trained_weights

TRAINING_VERSION = 2
"""To be raised whenever the same options give other weights, so that kept ones are not used."""
_OF_ROUTERS = frozenset({"router_epochs", "joint_epochs", "router_learning_rate", "joint_learning_rate", "temperature"})


def train_backbone(shape: DemucsShape, data: SpeechData, options: TrainingOptions, context: Context) -> SlimmableDemucs:
    """A network trained at all its utilization factors, or from the cache; on the CPU, in evaluation.

    The same arguments give the same weights on the same machine and device, whether or not the training was
    interrupted.

    Raises:
        EvaluationError: If the training fails.
    """
    weights = trained_weights(
        lambda: BackboneTrainer(initialized(shape, options.seed), data.training, options, context.device),
        options.epochs,
        _files(context, backbone_key(shape, data, options)),
        context.progress,
        context.device,
        context.fresh,
    )
    network = SlimmableDemucs(shape)
    network.load_state_dict(weights)
    return network.eval()


def train_router(
    backbone: SlimmableDemucs,
    sizes: RouterShape,
    aim: Aim,
    data: SpeechData,
    options: TrainingOptions,
    context: Context,
) -> RoutedDemucs:
    """The backbone as it is, with a router that was trained on it, or from the cache.

    Raises:
        EvaluationError: If the training fails.
    """
    return _trained(with_router(backbone, sizes, options.seed), "router", aim, data, options, context)


def train_jointly(
    routed: RoutedDemucs, aim: Aim, data: SpeechData, options: TrainingOptions, context: Context
) -> RoutedDemucs:
    """What `train_router` gave, network and router trained further together, or from the cache.

    Raises:
        EvaluationError: If the training fails.
    """
    return _trained(deepcopy(routed), "joint", aim, data, options, context)


def _trained(
    routed: RoutedDemucs, stage: Stage, aim: Aim, data: SpeechData, options: TrainingOptions, context: Context
) -> RoutedDemucs:
    key = router_key(routed.network.shape, routed.router.sizes, aim, data, options)
    label = f"training of the router towards {aim.utilization:g} (gamma {aim.gamma:g})"
    weights = trained_weights(
        lambda: RouterTrainer(routed, data.training, options, stage, aim, context.device),
        {"router": options.router_epochs, "joint": options.joint_epochs}[stage],
        _files(context, f"{key}-{stage}"),
        context.progress,
        context.device,
        context.fresh,
        label + (", jointly" if stage == "joint" else ""),
    )
    routed.cpu().load_state_dict(weights)
    return routed.eval()


def backbone_key(shape: DemucsShape, data: SpeechData, options: TrainingOptions) -> str:
    """Identity of what decides the weights of a backbone."""
    return settings_hash(
        {
            "version": TRAINING_VERSION,
            "data": data.training_fingerprint,
            "shape": {**asdict(shape), "ufs": list(shape.ufs)},
            "training": options.model_dump(exclude=set(_OF_ROUTERS)),
        }
    )


def router_key(shape: DemucsShape, sizes: RouterShape, aim: Aim, data: SpeechData, options: TrainingOptions) -> str:
    """Identity of what decides the weights of a network with a router."""
    return settings_hash(
        {
            "backbone": backbone_key(shape, data, options),
            "router": asdict(sizes),
            "aim": asdict(aim),
            "training": options.model_dump(include=set(_OF_ROUTERS)),
        }
    )


def _files(context: Context, key: str) -> Files:
    folder = context.cache / "demucs" / key
    return Files(folder / "weights.safetensors", folder / "checkpoint.safetensors", key)
