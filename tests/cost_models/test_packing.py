"""Packed weights: the layout by hand, its size, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import packing
from cost_models.packing import MAX_COLUMNS, fold_zero_point, pack_matrix, packed_matrix_bytes, unpack_matrix

BITS = range(1, 9)


def random_matrix(seed: int, rows: int, columns: int, bits: int) -> np.ndarray:
    limit = 1 << (bits - 1)
    return np.random.default_rng(seed).integers(-limit, limit, (rows, columns))


@given(st.integers(0, 2**32), st.integers(1, 13), st.integers(1, 41), st.integers(1, 8))
def test_what_is_packed_is_unpacked_again(seed: int, rows: int, columns: int, bits: int) -> None:
    weights = random_matrix(seed, rows, columns, bits)
    words = pack_matrix(weights, bits)
    assert words.nbytes == packed_matrix_bytes(rows, columns, bits)
    np.testing.assert_array_equal(unpack_matrix(words, rows, columns, bits), weights)


def test_eight_bits_by_hand() -> None:
    # Lower rows (0 and 2) are stored with 128 added, upper rows (1 and 3) as they are.
    weights = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [-1, -2, -3, -4], [-5, -6, -7, -8]])
    expected = [
        [129, 5, 131, 7],  # rows 0, 1; columns 0, 2
        [130, 6, 132, 8],  # rows 0, 1; columns 1, 3
        [127, 251, 125, 249],  # rows 2, 3; columns 0, 2
        [126, 250, 124, 248],  # rows 2, 3; columns 1, 3
    ]
    np.testing.assert_array_equal(pack_matrix(weights, 8).view(np.uint8).reshape(-1, 4), expected)


def test_two_rows_of_four_bits_by_hand() -> None:
    # Stored with 8 added. Word 0 has lanes 0 and 1, lane 1 in the upper half bytes; word 1 has lanes 2 and 3.
    weights = np.array([[0, 1, 2, 3, 4, 5, 6, 7], [-8, -7, -6, -5, -4, -3, -2, -1]])
    expected = [
        [8 | 9 << 4, 0 | 1 << 4, 10 | 11 << 4, 2 | 3 << 4],  # columns 0 and 1, columns 2 and 3
        [12 | 13 << 4, 4 | 5 << 4, 14 | 15 << 4, 6 | 7 << 4],  # columns 4 and 5, columns 6 and 7
    ]
    np.testing.assert_array_equal(pack_matrix(weights, 4).view(np.uint8).reshape(-1, 4), expected)


@pytest.mark.parametrize("bits", BITS)
def test_the_fields_of_a_group_take_every_bit_once(bits: int) -> None:
    stored = np.zeros((bits, 8), int)
    lanes = np.zeros((8, bits), int)
    for field in packing._FIELDS[bits]:
        stored[field.word, field.word_shift : field.word_shift + field.n_bits] += 1
        lanes[field.lane, field.lane_shift : field.lane_shift + field.n_bits] += 1
        assert field.lane >= 4 or field.word < (bits + 1) // 2
    assert (stored == 1).all()
    assert (lanes == 1).all()


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 8))
def test_whole_groups_take_their_bits_and_nothing_else(blocks: int, groups: int, bits: int) -> None:
    assert packed_matrix_bytes(4 * blocks, 8 * groups, bits) == 4 * blocks * groups * bits


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 7))
def test_packed_bytes_hold_every_bit_and_never_fall(rows: int, columns: int, bits: int) -> None:
    packed = packed_matrix_bytes(rows, columns, bits)
    assert 8 * packed >= rows * columns * bits
    # At most one row and three columns are padding, and half a bit more is taken by steps of odd widths left alone.
    padded = (rows + rows % 2) * (columns + -columns % 4) * bits
    assert 8 * packed <= padded + 16 * (bits % 2) * (rows // 4 + columns // 8 + 2) + 64 * (rows % 4 in (1, 2)) * bits
    assert packed <= packed_matrix_bytes(rows, columns, bits + 1)
    assert packed <= packed_matrix_bytes(rows + 1, columns, bits)
    assert packed <= packed_matrix_bytes(rows, columns + 1, bits)


def test_a_zero_point_is_folded_into_the_bias() -> None:
    # 5 - 3 * (1 + 2) = -4, 6 - 3 * (-1 - 2) = 15, 7 - 3 * 0 = 7; a block has four rows.
    weights = np.array([[1, 2], [-1, -2], [0, 0]])
    folded = fold_zero_point(weights, np.array([5, 6, 7]), 3)
    np.testing.assert_array_equal(folded, [-4, 15, 7, 0])
    assert folded.dtype == np.int32


@pytest.mark.parametrize(
    ("weights", "bits", "message"),
    [
        (np.array([[4]]), 3, r"outside of \[-4, 3\], the range of 3 bits"),
        (np.array([[-5]]), 3, r"outside of \[-4, 3\], the range of 3 bits"),
        (np.zeros((1, 1), int), 9, "weights of 9 bits cannot be packed; allowed: 1 to 8"),
        (np.zeros((1, 1), int), 0, "weights of 0 bits cannot be packed; allowed: 1 to 8"),
        (np.zeros((1, MAX_COLUMNS + 1), int), 8, r"shape \(1, 509\) cannot be packed; allowed: 1 to 508 columns"),
        (np.zeros((0, 4), int), 8, r"shape \(0, 4\) cannot be packed"),
        (np.zeros(4, int), 8, r"shape \(4,\) cannot be packed"),
    ],
)
def test_what_kernels_do_not_take_is_not_packed(weights: np.ndarray, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_matrix(weights, bits)


def test_unpacking_wants_the_right_number_of_words() -> None:
    with pytest.raises(ValueError, match="8 bytes are not a matrix of 4 x 8 weights of 4 bits"):
        unpack_matrix(np.zeros(2, np.uint32), 4, 8, 4)


def test_a_bias_beyond_32_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds 32 bits"):
        fold_zero_point(np.full((1, 400), -128), np.array([2**31 - 1]), 127)
