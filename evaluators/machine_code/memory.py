"""Arrays that begin on a cache line, so that no vector access is split over two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", bound=np.generic)
CACHE_LINE_BYTES = 64


def aligned_zeros(shape: Sequence[int], dtype: type[_Number]) -> NDArray[_Number]:
    """Zeros of a shape, beginning on a cache line."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(n_bytes + CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def aligned(array: NDArray[_Number]) -> NDArray[_Number]:
    """A copy in C order that begins on a cache line."""
    copy = aligned_zeros(array.shape, array.dtype.type)
    copy[...] = array
    return copy
