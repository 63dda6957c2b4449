"""Blocks at narrow widths by compiled functions: weights in the layout that `kernels` reads, and the calls."""

from __future__ import annotations

from torch import Tensor, cat, float32
from torch.nn.functional import pad

from evaluators.demucs.kernels import LANES, ROWS, Tile, decoder_kernel, encoder_kernel

MOST_VALUES = 49_152
"""Of both matrices of a block: those that stay in the second cache; with larger ones, libraries are faster."""


class NarrowEncoder:
    """A block of the encoder, see `blocks.encode`.

    Args:
        taps: Of a frame, the earliest values first, shape (n_seen, n_inner).
        bias: Shape (n_inner,).
        mix: Shape (n_inner, 2 * n_channels).
        mix_bias: Shape (2 * n_channels,).
    """

    def __init__(self, taps: Tensor, bias: Tensor, mix: Tensor, mix_bias: Tensor) -> None:
        self._n_seen, self._n_inner = taps.shape
        self._taps = _tiles(taps, bias, Tile(LANES, 1))
        self._mix = _glu_tiles(mix, mix_bias)

    @staticmethod
    def takes(taps: Tensor, mix: Tensor) -> bool:
        """Whether a block is narrow, and of full vectors."""
        is_whole = mix.shape[1] % (2 * LANES) == 0
        return is_whole and taps.dtype == float32 and taps.numel() + mix.numel() <= MOST_VALUES

    def __call__(self, chunks: Tensor, y: Tensor, first: int) -> None:
        """Write frames from `first` on, which see no others than are there.

        Args:
            chunks: What comes in for each frame, shape (n_sequences, n_frames, stride * n_inputs).
            y: Shape (n_sequences, n_frames, n_channels).
            first: The first frame.
        """
        chunks = chunks.contiguous()
        n_frames, width = chunks.shape[1:]
        room = chunks.new_empty(ROWS * len(self._taps) * LANES)
        n_before = self._n_seen // width - 1
        kernel = encoder_kernel()
        for heard, written in zip(chunks, y, strict=True):
            kernel(
                heard[first - n_before].data_ptr(),
                width * heard.element_size(),
                self._n_seen,
                self._taps.data_ptr(),
                len(self._taps),
                self._n_inner,
                self._mix.data_ptr(),
                len(self._mix),
                written[first].data_ptr(),
                n_frames - first,
                room.data_ptr(),
            )


class NarrowDecoder:
    """A block of the decoder, see `blocks.decode`.

    Args:
        mix: Shape (n_channels, 2 * n_inner).
        mix_bias: Shape (2 * n_inner,).
        conv: Shape (kernel / stride, n_inner, stride * n_outputs), what is played first in front.
        bias: Of what is played in a frame, shape (stride * n_outputs,).
    """

    def __init__(self, mix: Tensor, mix_bias: Tensor, conv: Tensor, bias: Tensor) -> None:
        self._n_before = len(conv) - 1
        self._n_inner = conv.shape[1]
        self._mix = _glu_tiles(mix, mix_bias)
        self._outputs = _output_tile(conv.shape[2])
        padded = pad(conv, (0, 0, 0, len(self._mix) * LANES - self._n_inner))
        self._conv = _tiles(padded.flip(0).flatten(0, 1), bias, self._outputs)

    @staticmethod
    def takes(mix: Tensor, conv: Tensor) -> bool:
        """Whether a block is narrow, and of full vectors."""
        is_whole = len(mix) % LANES == 0 and conv.shape[2] % 4 == 0
        return is_whole and mix.dtype == float32 and mix.numel() + conv.numel() <= MOST_VALUES

    def __call__(self, x: Tensor, skip: Tensor, before: Tensor, y: Tensor, *, is_last: bool) -> Tensor:
        """Write frames from that on which the inner channels before it are given for.

        Args:
            x: Shape (n_sequences, n_frames, n_channels).
            skip: Of the same shape.
            before: Inner channels of the first kernel / stride - 1 frames, shape (n_sequences, kernel / stride - 1,
                n_inner).
            y: Shape (n_sequences, n_frames, stride * n_outputs).
            is_last: See `blocks.decode`.

        Returns:
            Inner channels of the last kernel / stride - 1 frames.
        """
        x, skip = x.contiguous(), skip.contiguous()
        (_, n_frames, n_channels), first = x.shape, self._n_before
        room = x.new_empty(ROWS * n_channels)
        inner = x.new_empty(n_frames, len(self._mix) * LANES)
        kernel = decoder_kernel(self._outputs, is_last)
        last = before.new_empty(before.shape)
        for heard, skipped, known, written, kept in zip(x, skip, before, y, last, strict=True):
            inner[:first] = pad(known, (0, inner.shape[1] - self._n_inner))
            kernel(
                heard[first].data_ptr(),
                skipped[first].data_ptr(),
                n_channels,
                self._mix.data_ptr(),
                len(self._mix),
                first * inner.shape[1],
                inner[first].data_ptr(),
                self._conv.data_ptr(),
                len(self._conv),
                written[first].data_ptr(),
                n_frames - first,
                room.data_ptr(),
            )
            kept.copy_(inner[n_frames - first :, : self._n_inner])
        return last


def _output_tile(n_outputs: int) -> Tile:
    if n_outputs % (2 * LANES) == 0:
        return Tile(LANES, 2)
    return Tile(LANES if n_outputs % LANES == 0 else 4, 1)


def _tiles(weights: Tensor, bias: Tensor, tile: Tile) -> Tensor:
    """Columns in tiles, the bias of each in front, filled up with zeros; shape (n_tiles, 1 + n_inputs, n_columns)."""
    whole = cat([bias[None], weights])
    filled = pad(whole, (0, -whole.shape[1] % tile.n_columns))
    return filled.view(len(filled), -1, tile.n_columns).transpose(0, 1).contiguous()


def _glu_tiles(mix: Tensor, bias: Tensor) -> Tensor:
    """Tiles of a vector of values and one of their gates."""
    values, gates = (
        _tiles(half, of_half, Tile(LANES, 1)) for half, of_half in zip(mix.chunk(2, dim=1), bias.chunk(2), strict=True)
    )
    return cat([values, gates], dim=2)
