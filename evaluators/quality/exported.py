"""Reads an exported quality predictor back and scores speech with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from evaluators.errors import DataError
from evaluators.quality.bit_strings import unpack_integers
from evaluators.quality.export import FRONT_END, NETWORK_FILE, WEIGHTS_FILE
from evaluators.quality.frontend import features_of
from evaluators.quality.packed import PackedNet, is_packable
from evaluators.quality.rounded import RoundedLayer, RoundedNet, run_rounded
from evaluators.quality.shape import QualityShape
from evaluators.quality.widths import FLOAT_BITS
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.training.threads import one_thread

LOWEST_PESQ, HIGHEST_PESQ = 1.0, 4.64
"""Ends of the scale of wide-band PESQ."""


class QualityScorer:
    """Scores windows of speech; with bit masks where all maps have one bit.

    Attributes:
        score: What a score is.
        sample_rate_hz: Of the speech.
        window_samples: Of a window.
        lowest, highest: Ends of the scale.
    """

    score = "predicted wide-band PESQ"
    sample_rate_hz = SAMPLE_RATE_HZ
    lowest, highest = LOWEST_PESQ, HIGHEST_PESQ

    def __init__(self, network: RoundedNet, shape: QualityShape) -> None:
        self.window_samples = shape.window_samples
        self._network, self._shape = network, shape
        self._packed = PackedNet(network) if is_packable(network) else None

    def predict(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores, float32, shape (n,), within the scale.

        Args:
            windows: Shape (n, window_samples).
        """
        with one_thread(), torch.no_grad():
            features = features_of(windows, self._shape)
            if self._packed is not None:
                scores = np.array([self._packed.score(one.numpy()) for one in features], np.float32)
            else:
                # One by one, so that a file of any length takes the same memory.
                parts = [run_rounded(self._network, one[None]).numpy() for one in features]
                scores = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return scores.clip(self.lowest, self.highest)


def load_export(directory: Path) -> QualityScorer:
    """The predictor in an exported folder.

    Raises:
        DataError: If a file is missing or damaged, or the network hears other features than those of this version.
    """
    try:
        description = json.loads((directory / NETWORK_FILE).read_text(encoding="utf-8"))
        tensors = load_file(directory / WEIGHTS_FILE)
        shape = {**description["shape"], "channels": tuple(description["shape"]["channels"])}
        network, front_end = _network(description, tensors), description["front_end"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        wanted = f"{NETWORK_FILE} and {WEIGHTS_FILE} of an exported quality predictor"
        raise DataError(f"cannot be read: {error!r}", where=directory, expected=wanted) from error
    if front_end != FRONT_END:
        raise DataError("was exported for another front end", where=directory, expected="a new export of the run")
    return QualityScorer(network, QualityShape(**shape))


def _network(description: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> RoundedNet:
    layers = [_layer(entry, tensors) for entry in description["layers"]]
    maps = description["maps"]
    bits, steps = tuple(int(one["bits"]) for one in maps), tuple(float(one["step"]) for one in maps)
    return RoundedNet(tuple(layers[: len(maps)]), tuple(layers[len(maps) :]), bits, steps)


def _layer(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> RoundedLayer:
    name, bits, shape = entry["name"], int(entry["bits"]), [int(n) for n in entry["shape"]]
    stored = tensors[f"{name}.weights"]
    values = stored if bits == FLOAT_BITS else unpack_integers(stored, bits, int(np.prod(shape)))
    weights = torch.from_numpy(values.astype(np.float32).reshape(shape))
    scale, bias = (torch.from_numpy(tensors[f"{name}.{part}"]) for part in ("scale", "bias"))
    return RoundedLayer(name, weights, scale, bias, bits)
