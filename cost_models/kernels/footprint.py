"""Flash and RAM that networks take with these kernels, to the byte: what a memory model adds up.

Besides the packed weights (`cost_models.packing`) and the code.
"""

from __future__ import annotations

from cost_models.kernels.structs import (
    CLASSIFIER,
    COMPLEMENT,
    GRU_CELL,
    MATRIX_PRODUCT,
    PRODUCT,
    SUM,
    padded,
)

BIAS_BYTES = 4
"""Of one row of a matrix."""
SUM_BYTES = SUM.itemsize
COMPLEMENT_BYTES = COMPLEMENT.itemsize
PRODUCT_BYTES = PRODUCT.itemsize
_POINTER_BYTES = 4
_N_LOOK_UPS = 3

CELL_BYTES = GRU_CELL.itemsize - (
    6 * MATRIX_PRODUCT.itemsize + 4 * SUM_BYTES + COMPLEMENT_BYTES + 3 * PRODUCT_BYTES + _N_LOOK_UPS * _POINTER_BYTES
)
"""What a GRU cell takes in flash besides its 17 operators: sizes, flags, and how its state is read."""


def matrix_product_bytes(rows: int) -> int:
    """Flash of a matrix product whose output is requantized, the weights not included.

    >>> matrix_product_bytes(10)  # 20 and 12 biases
    68
    """
    return MATRIX_PRODUCT.itemsize + BIAS_BYTES * padded(rows)


def classifier_bytes(rows: int) -> int:
    """Flash of a classifier, the weights not included."""
    return CLASSIFIER.itemsize + BIAS_BYTES * padded(rows)


def look_up_bytes(bits: int) -> int:
    """Flash of a look-up table that is read at `bits`."""
    return _POINTER_BYTES + (1 << bits)


def tensor_bytes(n_elements: int, bits: int) -> int:
    """RAM of a tensor of at most 16 bits, its padding included.

    >>> tensor_bytes(10, 8), tensor_bytes(10, 9)
    (12, 24)
    """
    return padded(n_elements) * (1 if bits <= 8 else 2)


def state_bytes(n_units: int, carried_bits: int, read_bits: int) -> int:
    """RAM of the state of a GRU cell: as it is read and, at another width, as it is carried.

    Cells whose state is read as it is carried need `tensor_bytes(n_units, 8)` of scratch besides, which all
    cells of a network may share.
    """
    carried = tensor_bytes(n_units, carried_bits) if carried_bits != read_bits else 0
    return tensor_bytes(n_units, read_bits) + carried
