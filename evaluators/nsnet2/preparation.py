"""A trained nsNet2 with fitted confidence heads, made once for the same data and settings and kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evaluators.errors import EvaluationError
from evaluators.nsnet2.confidence import ConfidenceHead, fit_head, mask_change
from evaluators.nsnet2.inference import Heads
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, NsNet2Shape
from evaluators.nsnet2.training import TRAINING_VERSION, train
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.speech.evaluation_sets import EvaluationSet
from evaluators.speech.stft import log_power, spectrum
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from evaluators.training.spectral_loss import level_gains

PREPARATION_VERSION = 1
"""To be raised whenever the same weights give other heads or other sound; measurements kept before are then ignored."""


@dataclass(frozen=True)
class PreparedNsNet2:
    """What an evaluation needs.

    Attributes:
        network: Trained, on the CPU.
        heads: Of every early exit.
        fingerprint: Identity of data, training and arithmetic.
    """

    network: NsNet2
    heads: Heads
    fingerprint: str


def prepare_nsnet2(
    shape: NsNet2Shape, data: SpeechData, training: TrainingOptions, warm_start: Path | None, context: Context
) -> PreparedNsNet2:
    """Train a network and fit its heads, or take both from the cache.

    Raises:
        DataError: If the weights to start from cannot be used.
        EvaluationError: If the training fails.
    """
    initial = None if warm_start is None else read_reference_weights(warm_start, shape)
    settings = {
        "version": TRAINING_VERSION,
        "data": data.training_fingerprint,
        "shape": {**shape.__dict__, "exits": list(shape.exits)},
        "training": training.model_dump(),
        "initial": _hash(initial),
    }
    trained = settings_hash(settings)
    key = settings_hash({"trained": trained, "data": data.fingerprint, "version": PREPARATION_VERSION})
    folder = context.cache / "nsnet2" / trained
    path = folder / f"prepared-{key}.safetensors"
    kept = None if context.fresh else _read(path, key)
    if kept is None:
        network = train(
            shape,
            data.training,
            training,
            folder,
            trained,
            context.progress,
            context.device,
            initial,
            context.fresh,
        )
        kept = _to_checkpoint(network, fit_heads(network, data.evaluation["calibration"]))
        write_checkpoint(path, key, kept)
    return PreparedNsNet2(*_from_checkpoint(shape, kept), key)


@torch.inference_mode()
def fit_heads(network: NsNet2, clips: EvaluationSet) -> dict[EarlyExit, ConfidenceHead]:
    """Fit the head of every early exit to clips of which all frames go through to the end."""
    found: dict[EarlyExit, list[tuple[Tensor, Tensor]]] = {exit_: [] for exit_ in network.shape.exits}
    for k in range(len(clips)):
        clip = clips[k]
        spectra = spectrum(torch.tensor(clip.noisy)[None])
        x = log_power(spectra)
        at_level = spectra * float(level_gains(clip.clean[None])[0])
        final_mask = network.all_masks(x)["final"]
        for stage in EARLY_EXITS:
            if stage in found:
                features = network.exit_layer(stage)(x)
                changes = mask_change(network.mask(stage, features), final_mask, at_level)
                found[stage].append((features[0], changes[0]))
            x = network.trunk(stage)(x)
    return {exit_: fit_head(of_clips) for exit_, of_clips in found.items()}


def _read(path: Path, key: str) -> Checkpoint | None:
    try:
        return read_checkpoint(path, key)
    except EvaluationError:
        return None  # damaged: made again from the trained weights


def _to_checkpoint(network: NsNet2, heads: Heads) -> Checkpoint:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for exit_, head in heads.items():
        tensors[f"heads.{exit_}.weight"] = torch.from_numpy(head.weight)
        tensors[f"heads.{exit_}.quantiles"] = torch.from_numpy(head.quantiles)
    return Checkpoint(tensors, {"biases": {exit_: head.bias for exit_, head in heads.items()}})


def _from_checkpoint(shape: NsNet2Shape, kept: Checkpoint) -> tuple[NsNet2, Heads]:
    network = NsNet2(shape)
    prefix = "network."
    network.load_state_dict({n.removeprefix(prefix): v for n, v in kept.tensors.items() if n.startswith(prefix)})
    heads: dict[EarlyExit, ConfidenceHead] = {}
    for exit_ in shape.exits:
        weight, quantiles = (kept.tensors[f"heads.{exit_}.{name}"].numpy() for name in ("weight", "quantiles"))
        heads[exit_] = ConfidenceHead(weight, kept.facts["biases"][exit_], quantiles)
    return network.eval(), heads


def _hash(tensors: Mapping[str, Tensor] | None) -> str:
    """Identity of weights; empty for none."""
    if tensors is None:
        return ""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
