"""The files that an exported enhancer consists of, and the framing that all of them share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import save
from torch import Tensor

from evaluators.onnx_graph import ONNX_FILE
from evaluators.speech.frames import FRAME_SAMPLES, HOP_SAMPLES
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.speech.stft import SMALLEST_POWER
from evaluators.storage import write_atomically

N_TEST_FRAMES = 100
"""Of the test vectors."""
WEIGHTS_FILE, NETWORK_FILE, VECTORS_FILE = "weights.safetensors", "network.json", "test_vectors.safetensors"
LOG_POWER = f"log10(max(power, {SMALLEST_POWER:g}))"


def framing(features: str) -> dict[str, Any]:
    """How sound becomes frames, and frames become the features that a network reads."""
    return {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "frame_samples": FRAME_SAMPLES,
        "hop_samples": HOP_SAMPLES,
        "window": "square root of the periodic Hann window, before and after",
        "features": features,
    }


def write_network(
    directory: Path,
    weights: Mapping[str, Tensor],
    description: Mapping[str, Any],
    vectors: Mapping[str, Any],
    onnx: bytes | None = None,
) -> None:
    """Write weights, what there is to know about them, and vectors to check a port with; each whole or not at all.

    Args:
        directory: An existing folder.
        weights: On the CPU.
        description: What JSON can hold.
        vectors: Name -> NumPy array.
        onnx: Content of an ONNX file, if there is one.

    Raises:
        OSError: If a file cannot be written.
    """
    arrays = {name: value.contiguous().numpy() for name, value in weights.items()}
    write_atomically(directory / WEIGHTS_FILE, save(arrays))
    write_atomically(directory / NETWORK_FILE, (json.dumps(description, indent=1) + "\n").encode())
    write_atomically(directory / VECTORS_FILE, save(dict(vectors)))
    if onnx is not None:
        write_atomically(directory / ONNX_FILE, onnx)
