"""Integers of few bits as bytes without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack_integers(values: NDArray[np.integer], bits: int) -> NDArray[np.uint8]:
    """The values one after another, the lowest bit first, in two's complement.

    With one bit there are the two values -1 and 1, stored as 0 and 1.

    >>> pack_integers(np.array([1, -1, 3]), 3).tolist()  # 001, 111, 011 from the right: 011 111 001
    [249, 0]
    """
    flat = values.ravel().astype(np.int64)
    stored = (flat > 0).astype(np.int64) if bits == 1 else flat
    fields = (stored[:, None] >> np.arange(bits)) & 1
    return np.packbits(fields.astype(np.uint8).ravel(), bitorder="little")


def unpack_integers(packed: NDArray[np.uint8], bits: int, n: int) -> NDArray[np.int8]:
    """The inverse of `pack_integers`, shape (n,)."""
    fields = np.unpackbits(packed, bitorder="little")[: n * bits].reshape(n, bits).astype(np.int64)
    values = fields @ (1 << np.arange(bits))
    if bits == 1:
        return (2 * values - 1).astype(np.int8)
    return np.where(values >= 1 << (bits - 1), values - (1 << bits), values).astype(np.int8)
