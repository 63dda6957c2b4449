"""Trains a Conv-FSENet once, then its gates for a target; an interrupted training goes on to the same weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from evaluators.enhancement.teaching_options import TEACHING
from evaluators.fsenet.network import ConvFsenet
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.trainer import GATES, Phase, PhaseTrainer, initialized
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.nsnet2.teacher import teacher_key
from evaluators.speech.corpus import SpeechData
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.epochs import Files, trained_weights

TRAINING_VERSION = 1
"""To be raised whenever the same options give other weights, so that kept ones are not used."""
_OF_GATES = frozenset(
    {"gate_epochs", "gate_learning_rate", "target_weight", "unpruned", "surrogate", "surrogate_slope"}
)


def train_dense(shape: FsenetShape, data: SpeechData, options: TrainingOptions, context: Context) -> ConvFsenet:
    """A network trained without gates, or from the cache; on the CPU, in evaluation.

    The same arguments give the same weights on the same machine and device, whether or not the training was
    interrupted.

    Raises:
        EvaluationError: If the training fails.
        DataError: If the weights of a teacher cannot be used.
    """
    key = dense_key(shape, data, options)
    phase = Phase.dense(options)
    weights = trained_weights(
        lambda: PhaseTrainer(initialized(shape, options.seed), data.training, options, phase, context.device),
        phase.n_epochs,
        _files(context, key),
        context.progress,
        context.device,
        context.fresh,
    )
    return _network(shape, {name: value for name, value in weights.items() if not name.startswith(GATES)})


def train_gates(
    dense: ConvFsenet, target: float, data: SpeechData, options: TrainingOptions, context: Context
) -> ConvFsenet:
    """The dense network with gates, both trained towards a share of channels kept, or from the cache.

    Raises:
        EvaluationError: If the training fails.
    """
    shape = dense.shape
    phase = Phase.gates(options, target)

    def trainer() -> PhaseTrainer:
        return PhaseTrainer(initialized(shape, options.seed, dense), data.training, options, phase, context.device)

    weights = trained_weights(
        trainer,
        phase.n_epochs,
        _files(context, gates_key(shape, target, data, options)),
        context.progress,
        context.device,
        context.fresh,
        f"training of gates for {target:g} kept",
    )
    return _network(shape, weights)


def dense_key(shape: FsenetShape, data: SpeechData, options: TrainingOptions) -> str:
    """Identity of what decides the weights of a dense network."""
    sizes = {name: value for name, value in vars(shape).items() if not name.startswith("gat")}
    settings = options.model_dump(exclude={*_OF_GATES, *TEACHING})
    taught = teacher_key(options)
    return settings_hash(
        {
            "version": TRAINING_VERSION,
            "data": data.training_fingerprint,
            # Gates of another kind start from the same dense network.
            "shape": {**sizes, "dilations": list(shape.dilations)},
            "training": settings,
            **({"taught": taught} if taught else {}),
        }
    )


def gates_key(shape: FsenetShape, target: float, data: SpeechData, options: TrainingOptions) -> str:
    """Identity of what decides the weights of a network with gates."""
    gate = {name: value for name, value in vars(shape).items() if name.startswith("gat")}
    training = options.model_dump(include=set(_OF_GATES))
    return settings_hash(
        {"dense": dense_key(shape, data, options), "target": target, "shape": gate, "training": training}
    )


def _files(context: Context, key: str) -> Files:
    folder = context.cache / "fsenet" / key
    return Files(folder / "weights.safetensors", folder / "checkpoint.safetensors", key)


def _network(shape: FsenetShape, weights: Mapping[str, Tensor]) -> ConvFsenet:
    network = ConvFsenet(shape)
    # A dense network has no trained gates.
    network.load_state_dict(dict(weights), strict=False)
    return network.eval()
