"""Packed weights: the memory layout that kernels, memory model and export share.

A matrix is cut into blocks of four rows (the last one of two, where one or two rows are left) and a block into steps:
four columns of four rows, or eight columns of two. A step is four lane words of 2 rows x 2 columns, a weight in each
byte: bytes 0 and 1 are the lower and the upper row of a pair at one column, bytes 2 and 3 the same two columns on.

==========  ===========================  ==============================
lane        block of four rows           block of two rows
==========  ===========================  ==============================
0           rows 0, 1; columns 0, 2      rows 0, 1; columns 0, 2
1           rows 0, 1; columns 1, 3      rows 0, 1; columns 1, 3
2           rows 2, 3; columns 0, 2      rows 0, 1; columns 4, 6
3           rows 2, 3; columns 1, 3      rows 0, 1; columns 5, 7
==========  ===========================  ==============================

Below 8 bits, two steps of a block of four rows make a group of eight lane words, which `_FIELDS` folds into as many
words as a weight has bits. What is left, a single last step or any step of a block of two rows, takes the first half
of these words, rounded up. So a matrix whose rows are a multiple of four and whose columns are a multiple of eight
takes exactly its bits.

Weights are stored as W + 2^(bits - 1), which is not negative, but for the upper rows at 8 bits: these are stored as
they are. Padding is a weight of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_COLUMNS = 508
"""Most columns of a matrix that the kernels multiply: `TP_MAX_COLUMNS`."""

MAX_BITS = 8
_WORD_BYTES = 4
_STEP_LANES = 4
_GROUP_LANES = 2 * _STEP_LANES


class _Field(NamedTuple):
    """Some bits of a lane, in each of the four bytes, and where they are stored."""

    lane: int
    lane_shift: int
    n_bits: int
    word: int
    word_shift: int

    @property
    def mask(self) -> int:
        return (1 << self.n_bits) - 1


def _whole_lanes(bits: int, per_word: int, n_lanes: int) -> list[_Field]:
    return [_Field(lane, 0, bits, lane // per_word, bits * (lane % per_word)) for lane in range(n_lanes)]


_FIELDS: Mapping[int, tuple[_Field, ...]] = MappingProxyType(
    {
        1: tuple(_whole_lanes(1, 8, 8)),
        2: tuple(_whole_lanes(2, 4, 8)),
        # The bits that are left of each word make up the other lanes.
        3: (
            *_whole_lanes(3, 2, 6),
            *(_Field(6, 0, 2, 0, 6), _Field(6, 2, 1, 2, 6)),
            *(_Field(7, 0, 2, 1, 6), _Field(7, 2, 1, 2, 7)),
        ),
        4: tuple(_whole_lanes(4, 2, 8)),
        5: (
            *(_Field(lane, 0, 5, word, 0) for word, lane in enumerate((0, 1, 3, 4, 6))),
            *(_Field(2, 0, 3, 0, 5), _Field(2, 3, 2, 1, 5)),
            *(_Field(5, 0, 3, 2, 5), _Field(5, 3, 2, 3, 5)),
            *(_Field(7, 0, 3, 4, 5), _Field(7, 3, 1, 1, 7), _Field(7, 4, 1, 3, 7)),
        ),
        6: (
            *(_Field(lane, 0, 6, word, 0) for word, lane in enumerate((0, 1, 2, 4, 5, 6))),
            *(_Field(3, 2 * word, 2, word, 6) for word in range(3)),
            *(_Field(7, 2 * word, 2, 3 + word, 6) for word in range(3)),
        ),
        7: (*_whole_lanes(7, 1, 7), *(_Field(7, word, 1, word, 7) for word in range(7))),
        8: tuple(_whole_lanes(8, 1, 8)),
    }
)
"""Width -> where the bits of a group's eight lanes are; those of the first four are in the first half of the words."""


def packed_matrix_bytes(rows: int, columns: int, bits: int) -> int:
    """Bytes of a packed matrix, padding included.

    Raises:
        ValueError: No kernel takes weights of this width.

    >>> packed_matrix_bytes(48, 8, 3)
    144
    """
    _check_bits(bits)
    blocks_of_four, blocks_of_two = _block_counts(rows)
    n_words = blocks_of_four * _block_words(4, columns, bits) + blocks_of_two * _block_words(2, columns, bits)
    return _WORD_BYTES * n_words


def pack_matrix(weights: NDArray[np.integer], bits: int) -> NDArray[np.uint32]:
    """Pack a matrix for the kernels.

    Args:
        weights: Integers in [-2**(bits - 1), 2**(bits - 1)), shape (rows, columns).
        bits: Width of a weight, 1 to 8.

    Returns:
        Little-endian words, `packed_matrix_bytes` bytes of them.

    Raises:
        ValueError: A weight does not fit into its width, or the kernels do not take such a matrix.
    """
    _check_bits(bits)
    if weights.ndim != 2 or weights.size == 0 or weights.shape[1] > MAX_COLUMNS:
        raise ValueError(f"a matrix of shape {weights.shape} cannot be packed; allowed: 1 to {MAX_COLUMNS} columns")
    limit = 1 << (bits - 1)
    if weights.min() < -limit or weights.max() >= limit:
        raise ValueError(f"a weight is outside of [{-limit}, {limit - 1}], the range of {bits} bits")
    rows, columns = weights.shape
    stored = _stored(_pad(weights), bits)
    words = []
    for block in _blocks(rows):
        n_rows = block.stop - block.start
        words.append(_fold(_to_lanes(stored[block]), bits, n_rows, _block_words(n_rows, columns, bits)))
    return np.concatenate(words).view("<u4").ravel()


def unpack_matrix(words: NDArray[np.uint32], rows: int, columns: int, bits: int) -> NDArray[np.int8]:
    """The inverse of `pack_matrix`.

    Raises:
        ValueError: There are more or fewer words than such a matrix has, or no kernel takes such weights.
    """
    if words.nbytes != packed_matrix_bytes(rows, columns, bits):
        raise ValueError(f"{words.nbytes} bytes are not a matrix of {rows} x {columns} weights of {bits} bits")
    packed = words.astype("<u4").view(np.uint8).reshape(-1, _WORD_BYTES)
    stored = _pad(np.zeros((rows, columns), np.uint8))
    start = 0
    for block in _blocks(rows):
        n_rows = block.stop - block.start
        end = start + _block_words(n_rows, columns, bits)
        stored[block] = _from_lanes(_unfold(packed[start:end], bits, n_rows), n_rows)
        start = end
    return _restored(stored, bits)[:rows, :columns]


def fold_zero_point(weights: NDArray[np.integer], bias: NDArray[np.integer], zero_point: int) -> NDArray[np.int32]:
    """What kernels add to sum_k W[j,k] * x[k]: B[j] - z_x * sum_k W[j,k], padded to whole blocks of rows.

    Args:
        weights: W, shape (rows, columns).
        bias: B, shape (rows,).
        zero_point: z_x, that of the activations.

    Raises:
        ValueError: One of them leaves 32 bits.
    """
    folded = bias.astype(np.int64) - zero_point * weights.astype(np.int64).sum(axis=1)
    if np.abs(folded).max() > np.iinfo(np.int32).max:
        raise ValueError("a bias with the activations' zero point folded into it exceeds 32 bits")
    return np.pad(folded, (0, -len(folded) % 4)).astype(np.int32)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"weights of {bits} bits cannot be packed; allowed: 1 to {MAX_BITS}")


def _block_counts(rows: int) -> tuple[int, int]:
    """Blocks of four rows and of two; three last rows are a block of four."""
    return (rows + 1) // 4, int(rows % 4 in (1, 2))


def _blocks(rows: int) -> Iterator[slice]:
    blocks_of_four, blocks_of_two = _block_counts(rows)
    sizes = [4] * blocks_of_four + [2] * blocks_of_two
    for index, size in enumerate(sizes):
        yield slice(4 * index, 4 * index + size)


def _block_words(n_rows: int, columns: int, bits: int) -> int:
    half_a_group = (bits + 1) // 2
    if n_rows == 2:
        return -(-columns // 8) * half_a_group
    n_steps = -(-columns // 4)
    return n_steps // 2 * bits + n_steps % 2 * half_a_group


def _pad(matrix: NDArray[Any]) -> NDArray[Any]:
    """Zeros up to whole blocks and whole groups."""
    rows, columns = matrix.shape
    return np.pad(matrix, ((0, -rows % 4), (0, -columns % 8)))


def _stored(weights: NDArray[np.integer], bits: int) -> NDArray[np.uint8]:
    """Weights as the bits that are stored, still one in a byte."""
    return (weights.astype(np.int64) + _offsets(len(weights), bits)).astype(np.uint8)


def _restored(stored: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    return (stored.astype(np.int64) - _offsets(len(stored), bits)).astype(np.int8)


def _offsets(n_rows: int, bits: int) -> NDArray[np.int64]:
    """What is added to each row's weights, shape (n_rows, 1)."""
    offsets = np.full((n_rows, 1), 1 << (bits - 1))
    if bits == MAX_BITS:
        # An upper row is the signed half of a 16-bit number.
        offsets[1::2] = 0
    return offsets


def _to_lanes(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The lane words of a block: from shape (rows, columns) to (steps, 4 lanes, 4 bytes)."""
    pairs, halves = len(block) // 2, 4 // len(block)
    cut = block.reshape(pairs, 2, -1, halves, 2, 2)
    return cut.transpose(2, 0, 3, 5, 4, 1).reshape(-1, _STEP_LANES, _WORD_BYTES)


def _from_lanes(lanes: NDArray[np.uint8], n_rows: int) -> NDArray[np.uint8]:
    """The inverse of `_to_lanes`."""
    pairs, halves = n_rows // 2, 4 // n_rows
    return lanes.reshape(-1, pairs, halves, 2, 2, 2).transpose(1, 5, 0, 2, 4, 3).reshape(n_rows, -1)


def _fold(lanes: NDArray[np.uint8], bits: int, n_rows: int, n_words: int) -> NDArray[np.uint8]:
    """The packed words of a block, shape (n_words, 4 bytes)."""
    if n_rows == 2:
        words = _fold_groups(np.pad(lanes, ((0, 0), (0, _STEP_LANES), (0, 0))), bits)
        return words[:, : (bits + 1) // 2].reshape(n_words, _WORD_BYTES)
    words = _fold_groups(lanes.reshape(-1, _GROUP_LANES, _WORD_BYTES), bits)
    return words.reshape(-1, _WORD_BYTES)[:n_words]


def _unfold(words: NDArray[np.uint8], bits: int, n_rows: int) -> NDArray[np.uint8]:
    """The lane words of a block, shape (steps, 4 lanes, 4 bytes); padding is not restored."""
    if n_rows == 2:
        half_groups = words.reshape(-1, (bits + 1) // 2, _WORD_BYTES)
        groups = np.pad(half_groups, ((0, 0), (0, bits - half_groups.shape[1]), (0, 0)))
        return _unfold_groups(groups, bits)[:, :_STEP_LANES]
    groups = np.pad(words, ((0, -len(words) % bits), (0, 0))).reshape(-1, bits, _WORD_BYTES)
    return _unfold_groups(groups, bits).reshape(-1, _STEP_LANES, _WORD_BYTES)


def _fold_groups(lanes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """From lane words, shape (groups, 8 lanes, 4 bytes), to packed words, shape (groups, bits, 4 bytes)."""
    words = np.zeros((len(lanes), bits, _WORD_BYTES), np.uint8)
    for field in _FIELDS[bits]:
        words[:, field.word] |= (lanes[:, field.lane] >> field.lane_shift & field.mask) << field.word_shift
    return words


def _unfold_groups(words: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The inverse of `_fold_groups`."""
    lanes = np.zeros((len(words), _GROUP_LANES, _WORD_BYTES), np.uint8)
    for field in _FIELDS[bits]:
        lanes[:, field.lane] |= (words[:, field.word] >> field.word_shift & field.mask) << field.lane_shift
    return lanes
