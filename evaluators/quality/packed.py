"""Inference with maps of one bit as bit masks: pooling is OR, a product is a sum of the weights whose bit is set.

A map is kept pooled, its channels packed into bytes. A few rows of a map are computed at a time and pooled at once, so
that no map is ever there before pooling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from evaluators.quality.rounded import RoundedLayer, RoundedNet, run_dense
from evaluators.quality.shape import KERNEL, POOL

Mask = NDArray[np.uint8]
"""A map of one bit: bytes of eight channels, the first one in the lowest bit; shape (height, width, n_bytes)."""
_BITS_AT_ONCE = 4
_PATTERNS = 1 << _BITS_AT_ONCE
_ROWS_AT_ONCE = 4
"""Rows of a map before pooling; even."""


class _Threshold(NamedTuple):
    """How a sum becomes a bit: by the same two roundings as in `rounded.scaled`."""

    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    def of(self, sums: NDArray[np.int32]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = sums.astype(np.float32) * self.scale + self.bias > 0
        return found


def is_packable(network: RoundedNet) -> bool:
    """Whether all maps have one bit and all convolutions integer weights."""
    return set(network.map_bits) == {1} and all(layer.bits <= 8 for layer in network.convolutions)


class PackedNet:
    """A network all of whose maps have one bit.

    Args:
        network: For which `is_packable`.

    Raises:
        ValueError: If it is not.
    """

    def __init__(self, network: RoundedNet) -> None:
        if not is_packable(network):
            raise ValueError("bit masks take maps of one bit and convolutions with weights of at most 8 bits")
        self._dense = network.dense
        self._weights = [_taps(layer) for layer in network.convolutions]
        self._thresholds = [_Threshold(layer.scale.numpy(), layer.bias.numpy()) for layer in network.convolutions]

    def score(self, features: NDArray[np.int8]) -> float:
        """The score of one window.

        Args:
            features: int8, shape (n_frames, n_bands).
        """
        mask = self._first(features)
        for k in range(1, len(self._weights)):
            mask = self._next(k, mask)
        bits = np.unpackbits(mask.reshape(-1), bitorder="little")[: self._weights[-1].shape[-1]]
        return float(run_dense(self._dense, torch.from_numpy(bits.astype(np.float32))[None])[0])

    def masks(self, features: NDArray[np.int8]) -> list[Mask]:
        """All pooled maps, to compare with."""
        found = [self._first(features)]
        for k in range(1, len(self._weights)):
            found.append(self._next(k, found[-1]))
        return found

    def _first(self, features: NDArray[np.int8]) -> Mask:
        weights = self._weights[0][:, 0]
        height, width = features.shape
        pooled = self._nothing(0, height, width)
        for start in range(0, height, _ROWS_AT_ONCE):
            rows = _padded_rows(features, start, min(start + _ROWS_AT_ONCE, height))
            sums = np.zeros((len(rows) - 2, width, weights.shape[-1]), np.int32)
            for tap, weight in enumerate(weights):
                window = rows[tap // KERNEL :, tap % KERNEL :][: len(sums), :width]
                sums += window[:, :, None].astype(np.int32) * weight
            self._pool(0, sums, start, pooled)
        return pooled

    def _next(self, k: int, mask: Mask) -> Mask:
        tables = _tables(self._weights[k])
        height, width, _ = mask.shape
        pooled = self._nothing(k, height, width)
        for start in range(0, height, _ROWS_AT_ONCE):
            rows = _padded_rows(mask, start, min(start + _ROWS_AT_ONCE, height))
            sums = np.zeros((len(rows) - 2, width, tables.shape[-1]), np.int32)
            for tap in range(KERNEL * KERNEL):
                window = rows[tap // KERNEL :, tap % KERNEL :][: len(sums), :width]
                for byte in range(window.shape[-1]):
                    of_byte = window[:, :, byte]
                    sums += tables[tap, 2 * byte][of_byte & (_PATTERNS - 1)]
                    sums += tables[tap, 2 * byte + 1][of_byte >> _BITS_AT_ONCE]
            self._pool(k, sums, start, pooled)
        return pooled

    def _nothing(self, k: int, height: int, width: int) -> Mask:
        n_bytes = -(-self._weights[k].shape[-1] // 8)
        if k + 1 == len(self._weights):
            return np.zeros((1, 1, n_bytes), np.uint8)
        return np.zeros((height // POOL, width // POOL, n_bytes), np.uint8)

    def _pool(self, k: int, sums: NDArray[np.int32], start: int, pooled: Mask) -> None:
        """OR the bits of some rows into the pooled map."""
        bits = np.packbits(self._thresholds[k].of(sums), axis=2, bitorder="little")
        if k + 1 == len(self._weights):
            pooled |= np.bitwise_or.reduce(bits, axis=(0, 1))
            return
        n_rows, n_columns = len(bits) // POOL, pooled.shape[1]
        windows = bits[: n_rows * POOL, : n_columns * POOL].reshape(n_rows, POOL, n_columns, POOL, bits.shape[2])
        found = np.bitwise_or.reduce(windows, axis=(1, 3))
        pooled[start // POOL : start // POOL + n_rows] = found


def _taps(layer: RoundedLayer) -> NDArray[np.int16]:
    """Weights by tap, shape (taps, in_channels, out_channels)."""
    return (
        layer.weights.numpy()
        .astype(np.int16)
        .transpose(2, 3, 1, 0)
        .reshape(KERNEL * KERNEL, *layer.weights.shape[1::-1])
    )


def _tables(weights: NDArray[np.int16]) -> NDArray[np.int16]:
    """For every tap and four channels, the sum of the weights that each pattern of bits selects.

    Returns:
        Shape (taps, groups, _PATTERNS, out_channels).
    """
    taps, n_channels, n_outputs = weights.shape
    padded = np.pad(weights, ((0, 0), (0, -n_channels % 8), (0, 0)))
    groups = padded.reshape(taps, -1, _BITS_AT_ONCE, n_outputs)
    patterns = ((np.arange(_PATTERNS)[:, None] >> np.arange(_BITS_AT_ONCE)) & 1).astype(np.int16)
    tables: NDArray[np.int16] = np.einsum("pb,tgbo->tgpo", patterns, groups)
    return tables


def _padded_rows(image: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    """Rows of an image with one row more on either side, and a column; zeros outside."""
    height = len(image)
    rows = image[max(start - 1, 0) : stop + 1]
    above, below = int(start == 0), int(stop == height)
    return np.pad(rows, ((above, below), (1, 1), *[(0, 0)] * (image.ndim - 2)))
