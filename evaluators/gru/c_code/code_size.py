"""Bytes of machine code that an exported GRU takes on a Cortex-M4, of which everything else in flash is independent.

Measured in linked images, compiled by zig 0.17.1 with -O2; other compilers differ by some percent.
`python -m benchmarks.gru_export` compares the sums with linked images.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evaluators.gru.integer_gru import IntegerGru
from evaluators.gru.operators import MATRIX_PRODUCTS

CORE, FLAGS = "cortex_m4", "-O2"

_EVERY_MODEL: Mapping[str, int] = MappingProxyType(
    {
        "model_classify": 44,
        "tp_classify": 168,
        "tp_argmax": 56,
        "tp_gru_step": 2264,
        "read_carried": 344,
        "tp_gru_reset": 84,
        "tp_vector_of": 64,
        "tp_shift_up": 52,
        "tp_add_wide": 388,
    }
)
"""Function -> bytes, padding included."""

_ROWS_KERNEL: Mapping[int, int] = MappingProxyType({2: 404, 3: 428, 4: 412, 5: 488, 6: 492, 7: 520, 8: 360})
"""Width of weights -> bytes of the kernel that multiplies them."""

_LAYER = 48
"""A call in `model_init` and one in `model_step`."""
_SEVERAL_LAYERS = 16
"""What saving registers takes where there is more than one call."""


def code_bytes(gru: IntegerGru) -> int:
    """Bytes of the functions that a network needs; each kernel is there once."""
    products = [getattr(layer, name).linear for layer in gru.layers for name in MATRIX_PRODUCTS]
    widths = {linear.weight_bits for linear in (*products, gru.classifier)}
    n_layers = len(gru.layers)
    calls = _LAYER * n_layers + (_SEVERAL_LAYERS if n_layers > 1 else 0)
    return sum(_EVERY_MODEL.values()) + sum(_ROWS_KERNEL[bits] for bits in widths) + calls
