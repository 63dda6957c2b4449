"""Writes a quantized GRU for deployment: integers, constants, and test vectors to check any port against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from evaluators.data import Sequences
from evaluators.errors import EvaluationError
from evaluators.gru.c_code import Vectors, write_c_code
from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.engine import select_engine
from evaluators.gru.integer_gru import IntegerGru
from evaluators.gru.operators import Widths, slot_names
from evaluators.gru.quantization import quantize
from evaluators.storage import write_atomically

N_TEST_VECTORS = 32
WEIGHTS_FILE, CONSTANTS_FILE, VECTORS_FILE = "weights.safetensors", "constants.json", "test_vectors.safetensors"


def export_integer_gru(
    calibrated: CalibratedGru, widths: Widths, sequences: Sequences, class_names: Sequence[str], directory: Path
) -> None:
    """Write `weights.safetensors`, `constants.json`, `test_vectors.safetensors` and the C of the network.

    `weights.safetensors`: weights (int8), biases (int32) and tables (int8), named by layer and operator.
    `constants.json`: every other integer of docs/integer_gru.md, the formats (scale and zero point) of all tensors,
    and the class names. `test_vectors.safetensors`: quantized inputs x, lengths, expected logits, final carried states.

    Args:
        calibrated: The network.
        widths: Bit width of every tensor.
        sequences: Where the test vectors come from: the first ones.
        class_names: In the order of the logits.
        directory: An existing folder.

    Raises:
        EvaluationError: The kernels do not take such a network, or what evaluates it here is not what is exported.
    """
    gru = quantize(calibrated, widths)
    vectors, evaluators = _checked_vectors(calibrated, gru, sequences.head(N_TEST_VECTORS))
    # First, as it refuses networks that the kernels do not take.
    write_c_code(gru, class_names, vectors, evaluators, directory)
    parts = list(_parts("gru", gru.layers, gru.classifier))
    weights = {f"{name}.{field}": array for name, part in parts for field, array in _arrays(part)}
    constants = {
        "class_names": list(class_names),
        "operators": {name: _scalars(part) for name, part in parts},
        "formats": _formats(calibrated, widths),
    }
    write_atomically(directory / WEIGHTS_FILE, save(weights))
    write_atomically(directory / CONSTANTS_FILE, (json.dumps(constants, indent=1) + "\n").encode())
    write_atomically(directory / VECTORS_FILE, save(vectors.arrays()))


def _checked_vectors(
    calibrated: CalibratedGru, gru: IntegerGru, sequences: Sequences
) -> tuple[Vectors, tuple[str, str]]:
    """Test vectors, and the evaluators that gave the same logits."""
    vectors = Vectors.of(gru, sequences)
    engine = select_engine(calibrated)
    if not np.array_equal(engine.logits([gru.widths], sequences)[0], vectors.logits):
        raise EvaluationError(f"the engine {engine.name} and the reference give different logits")
    return vectors, ("reference", engine.name)


def _formats(calibrated: CalibratedGru, widths: Widths) -> dict[str, Any]:
    formats = {slot: calibrated.format(slot, widths[slot]) for slot in slot_names(calibrated.n_layers)}
    return {slot: asdict(form) for slot, form in formats.items()}


def _parts(prefix: str, layers: Sequence[Any], classifier: Any) -> Iterator[tuple[str, Any]]:
    for index, layer in enumerate(layers):
        for field, part in layer.__dict__.items():
            if is_dataclass(part):
                yield f"{prefix}{index}.{field}", part
            elif part is not None:
                yield f"{prefix}{index}.{field}", {"value": part}
    yield "classifier", classifier


def _arrays(part: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array in a (nested) part, by field name."""
    fields = part if isinstance(part, dict) else part.__dict__
    for field, value in fields.items():
        if isinstance(value, np.ndarray):
            yield field, np.ascontiguousarray(value)
        elif is_dataclass(value):
            yield from _arrays(value)


def _scalars(part: Any) -> dict[str, Any]:
    """The other integers of a part, nested as they are."""
    fields = part if isinstance(part, dict) else asdict(part)
    return {
        field: _scalars(value) if isinstance(value, dict) else value
        for field, value in fields.items()
        if not isinstance(value, np.ndarray)
    }
