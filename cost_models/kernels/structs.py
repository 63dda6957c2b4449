"""The kernels' parameter structs as NumPy dtypes: the same fields, offsets and sizes as in tp_kernels.h.

The sizes are those on a 32-bit core, so the memory model takes them from here. Pointers are 32-bit addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

_POINTER = "<u4"


def _struct(*fields: tuple[str, Any]) -> np.dtype[np.void]:
    # With align=True, NumPy pads as a C compiler does.
    return np.dtype(list(fields), align=True)


def _several(names: str, kind: Any) -> Sequence[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


REQUANTIZATION = _struct(("multiplier", "<i4"), ("shift", "u1"), ("bits", "u1"), ("zero_point", "<i2"))
MATRIX = _struct(*_several("kernel weights bias", _POINTER))
MATRIX_PRODUCT = _struct(("matrix", MATRIX), ("output", REQUANTIZATION))
SUM = _struct(
    *_several("multiplier_a multiplier_b", "<i4"),
    *(("constant_low", "<u4"), ("constant_high", "<i4")),
    *_several("shift bits is_wide", "u1"),
)
COMPLEMENT = _struct(*_several("multiplier constant", "<i4"), *_several("shift bits", "u1"))
PRODUCT = _struct(("output", REQUANTIZATION), *_several("zero_point_a zero_point_b", "<i2"))
GRU_CELL = _struct(
    *_several("n_inputs n_units", "<u2"),
    *_several("has_view carries_wide", "u1"),
    ("view", REQUANTIZATION),
    *_several("input_reset input_update input_new hidden_reset hidden_update hidden_new", MATRIX_PRODUCT),
    *_several("add_reset add_update add_new add_state", SUM),
    *_several("sigmoid_reset sigmoid_update tanh_new", _POINTER),
    ("complement_update", COMPLEMENT),
    *_several("mul_reset mul_new mul_state", PRODUCT),
)
GRU_STATE = _struct(*_several("read carried", _POINTER))
DENSE_LAYER = _struct(("product", MATRIX_PRODUCT), *_several("n_inputs n_outputs", "<u2"))
CLASSIFIER = _struct(("matrix", MATRIX), *_several("n_inputs n_classes", "<u2"))

STRUCTS: Mapping[str, np.dtype[np.void]] = MappingProxyType(
    {
        "tp_requantization": REQUANTIZATION,
        "tp_matrix": MATRIX,
        "tp_matrix_product": MATRIX_PRODUCT,
        "tp_sum": SUM,
        "tp_complement": COMPLEMENT,
        "tp_product": PRODUCT,
        "tp_gru_cell": GRU_CELL,
        "tp_gru_state": GRU_STATE,
        "tp_dense_layer": DENSE_LAYER,
        "tp_classifier": CLASSIFIER,
    }
)
"""Name in C -> dtype."""


def padded(n_elements: int) -> int:
    """Elements that a tensor or an array of biases takes with its padding: `TP_PADDED`.

    >>> padded(13)
    16
    """
    return -(-n_elements // 4) * 4
