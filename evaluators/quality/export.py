"""Writes a quality predictor for deployment: packed weights, the network as it was measured, and test vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from evaluators.onnx_graph import ONNX_FILE, can_write_onnx
from evaluators.quality.bit_strings import pack_integers
from evaluators.quality.frontend import CENTRE_DB, FEATURE_SCALE, QUIETEST_DB, STEP_DB, features_of
from evaluators.quality.onnx_file import quality_onnx
from evaluators.quality.rounded import RoundedLayer, RoundedNet, run_rounded
from evaluators.quality.shape import FFT_SAMPLES, QualityShape
from evaluators.quality.widths import FLOAT_BITS
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.storage import write_atomically

WEIGHTS_FILE, NETWORK_FILE, VECTORS_FILE = "weights.safetensors", "network.json", "test_vectors.safetensors"

FRONT_END: Mapping[str, object] = {
    "sample_rate_hz": SAMPLE_RATE_HZ,
    "fft_samples": FFT_SAMPLES,
    "window": "periodic Hann, divided by half its sum",
    "levels": "10 log10 of the power in mel bands",
    "mean": "10 log10 of the mean power of all bands and frames of a window, at least quietest_db",
    "features": "(level - mean - centre_db) / step_db rounded to 8 bits",
    "quietest_db": QUIETEST_DB,
    "centre_db": CENTRE_DB,
    "step_db": STEP_DB,
    "feature_scale": FEATURE_SCALE,
}
"""What a network hears, as an export says it; one that says otherwise would be given other features."""


def export_quality(network: RoundedNet, shape: QualityShape, waveforms: NDArray[np.float32], directory: Path) -> None:
    """Write `weights.safetensors`, `network.json` and `test_vectors.safetensors`.

    `weights.safetensors`: of each layer `weights`, integers packed by `pack_integers` in PyTorch's order (floats where
    they have 32 bits), and `scale` and `bias` of every output: a sum s of integers stands for `s * scale + bias`.
    `network.json`: sizes, front end, bits of every layer and map. `test_vectors.safetensors`: windows of speech, their
    features and scores. Where the extra `onnx` is installed also `network.onnx`, from features to scores, checked on
    the test vectors.

    Args:
        network: What was measured.
        shape: Its sizes.
        waveforms: For the test vectors, shape (n, shape.window_samples).
        directory: An existing folder.
    """
    layers = [*network.convolutions, *network.dense]
    tensors = {name: value for layer in layers for name, value in _tensors(layer).items()}
    features = features_of(waveforms, shape)
    with torch.no_grad():
        scores = run_rounded(network, features).numpy()
    vectors = {"waveforms": np.array(waveforms), "features": features.numpy(), "scores": scores}
    description = json.dumps(_description(network, shape), indent=1) + "\n"
    write_atomically(directory / WEIGHTS_FILE, save(tensors))
    write_atomically(directory / NETWORK_FILE, description.encode())
    write_atomically(directory / VECTORS_FILE, save(vectors))
    if can_write_onnx():
        write_atomically(directory / ONNX_FILE, quality_onnx(network, shape, features.numpy(), scores))


def _tensors(layer: RoundedLayer) -> dict[str, NDArray[Any]]:
    weights = layer.weights.numpy()
    stored = np.ascontiguousarray(weights) if layer.bits == FLOAT_BITS else _packed(weights, layer.bits)
    return {
        f"{layer.name}.weights": stored,
        f"{layer.name}.scale": layer.scale.numpy().copy(),
        f"{layer.name}.bias": layer.bias.numpy().copy(),
    }


def _packed(weights: NDArray[np.float32], bits: int) -> NDArray[np.uint8]:
    return pack_integers(weights.astype(np.int64), bits)


def _description(network: RoundedNet, shape: QualityShape) -> dict[str, Any]:
    layers = [*network.convolutions, *network.dense]
    maps = zip(shape.maps, network.map_bits, network.steps, strict=True)
    return {
        "score": "wide-band PESQ",
        "shape": asdict(shape),
        "front_end": dict(FRONT_END),
        "layers": [{"name": layer.name, "bits": layer.bits, "shape": list(layer.weights.shape)} for layer in layers],
        "maps": [{"name": name, "bits": bits, "step": step} for name, bits, step in maps],
    }
