"""A trained and calibrated GRU, made once for the same data and settings and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from evaluators.data import ClassificationData
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.tasks import fingerprint
from evaluators.gru.training_options import TrainingOptions
from evaluators.storage import settings_hash, write_atomically
from evaluators.system import Context

ARITHMETIC_VERSION = 1
"""Rises whenever the same weights would give other integers; measurements kept before are then ignored."""


@dataclass(frozen=True)
class PreparedGru:
    """What an evaluation needs of the network.

    Attributes:
        calibrated: Float weights and the formats of all tensors.
        float_accuracy: Split -> accuracy of the float network.
        fingerprint: Identity of data, training and arithmetic.
    """

    calibrated: CalibratedGru
    float_accuracy: Mapping[str, float]
    fingerprint: str


def prepare_gru(
    data: ClassificationData, hidden: int, layers: int, training: TrainingOptions, context: Context
) -> PreparedGru:
    """Train and calibrate a network, or take it from the cache.

    Raises:
        EvaluationError: If the training fails.
    """
    settings = {"data": fingerprint(data), "hidden": hidden, "layers": layers, "training": training.model_dump()}
    key = settings_hash({**settings, "arithmetic": ARITHMETIC_VERSION})
    path = context.cache / "gru" / settings_hash(settings) / f"calibrated-{ARITHMETIC_VERSION}.safetensors"
    if not context.fresh and path.exists():
        try:
            with safe_open(path, framework="np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                accuracy = json.loads((file.metadata() or {})["float_accuracy"])
            return PreparedGru(CalibratedGru.from_arrays(arrays), accuracy, key)
        except (SafetensorError, KeyError, ValueError):
            pass  # written by another version or damaged: made again below
    # Torch is slow to import; worker processes find the network in the cache and never need it.
    from evaluators.gru.network import float_accuracy
    from evaluators.gru.training import train

    weights = train(data, hidden, layers, training, path.parent, context.progress, context.device, context.fresh)
    calibrated = calibrate(weights, data.splits["calibration"])
    accuracy = {split: float_accuracy(weights, data.splits[split]) for split in ("validation", "test")}
    content = save(calibrated.to_arrays(), metadata={"float_accuracy": json.dumps(accuracy)})
    write_atomically(path, content)
    return PreparedGru(calibrated, accuracy, key)
