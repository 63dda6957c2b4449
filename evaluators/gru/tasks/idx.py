"""Reads IDX files, the format of MNIST and its relatives, packed by gzip or not.

Format: http://yann.lecun.com/exdb/mnist/ (two zero bytes, type 0x08 for uint8, number of dimensions, one big-endian
32-bit size for each, the values in row-major order).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.tasks.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """The values of an IDX file of unsigned bytes.

    Args:
        path: The file; gzip is recognized by content.
        n_dimensions: Dimensions it must have: 3 for images, 1 for labels.

    Raises:
        DataError: If it is not such a file, or cut short.
    """
    content = _unpacked(path)
    header_size = 4 + 4 * n_dimensions
    expected = f"an IDX file of unsigned bytes with {n_dimensions} dimensions"
    if content[:4] != bytes([0, 0, 8, n_dimensions]):
        raise DataError(f"starts with the bytes {content[:4].hex(' ')}", where=path, expected=expected)
    if len(content) < header_size:
        raise DataError("is cut short within its header", where=path, expected=expected)
    shape = struct.unpack(f">{n_dimensions}I", content[4:header_size])
    n_values = math.prod(shape)
    if len(content) != header_size + n_values:
        raise DataError(
            f"holds {len(content) - header_size} values",
            where=path,
            expected=f"{n_values} for the shape {shape} in its header",
            advice="Download it again",
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header_size).reshape(shape)


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"cannot be unpacked: {error}", where=path, advice="Download it again") from error
