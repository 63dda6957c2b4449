"""What the compiled kernel reads from memory: records of numbers and addresses, described once for both sides.

The kernel holds some integers q with an offset, where that saves it an instruction; whatever reads them takes the
offset off with its own constants, which are computed here in Python.
"""

from __future__ import annotations

import numpy as np

from evaluators.gru.operators import LOOKUPS, MATRIX_PRODUCTS, PRODUCTS, SUMS

Fields = list[tuple[str, str]]


BYTE_OFFSET = 128
"""Tables write and matrix products read q + 128, bytes without a sign."""


def _requantization(name: str) -> Fields:
    return [(f"{name}_ratio", "f4"), (f"{name}_start", "f4"), (f"{name}_low", "i4"), (f"{name}_high", "i4")]


def _matrix_product(name: str) -> Fields:
    return [(f"{name}_weights", "u8"), (f"{name}_biases", "u8"), *_requantization(name)]


def _product(name: str) -> Fields:
    return [(f"{name}_zero_a", "f4"), (f"{name}_zero_b", "f4"), *_requantization(name)]


def _sum(name: str) -> Fields:
    parts = ("multiplier_a", "multiplier_b", "shift", "low", "high")
    return [(f"{name}_constant", "i8"), *((f"{name}_{part}", "i4") for part in parts)]


def _record(fields: Fields) -> np.dtype[np.void]:
    """Eight bytes a field, so that each one is aligned."""
    names, formats = zip(*fields, strict=True)
    offsets = [8 * index for index in range(len(fields))]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": 8 * len(fields)})


LAYER_SIZES = ("n_read_groups", "n_hidden", "n_hidden_groups")
LAYER_PLACES = ("read", "operand", "rows", "carried", "update_index", "new_index")

LAYER = _record(
    [
        *((name, "i8") for name in (*LAYER_SIZES, *LAYER_PLACES)),
        *(field for name in MATRIX_PRODUCTS for field in _matrix_product(name)),
        *(field for name in SUMS for field in _sum(name)),
        *(field for name in PRODUCTS for field in _product(name)),
        *((f"{name}_table", "u8") for name in (*LOOKUPS, "complement_update")),
        ("initial_carried", "i4"),
        ("initial_read", "i4"),
        *_requantization("state"),
    ]
)
"""One layer of one candidate: its sizes, where its buffers begin in the workspace, its operators' constants."""

CLASSIFIER = _record([("n_classes", "i8"), ("weights", "u8"), ("biases", "u8"), ("scores", "i8")])
"""The classifier of one candidate; `scores` is the place of its buffer in the workspace."""

BATCH = _record(
    [
        ("n_blocks", "i8"),
        ("max_steps", "i8"),
        ("n_groups", "i8"),
        ("x", "u8"),
        ("lengths", "u8"),
        ("n_steps", "u8"),
        ("n_sequences", "u8"),
        ("order", "u8"),
    ]
)
"""The sequences: see `batches.Batch`."""
