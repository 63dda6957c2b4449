"""Routed inference on whole utterances that skips what is not chosen: frames of one factor are run with its slice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evaluators.demucs.blocks import decode_frames, encode_frames, overlapped, windows
from evaluators.demucs.inference import Slices
from evaluators.demucs.router import Router


@dataclass(frozen=True)
class RoutedSlices:
    """A network trained with a router.

    Attributes:
        slices: Of the network.
        router: Its router.
    """

    slices: Slices
    router: Router


@torch.inference_mode()
def run_routed(slices: Slices, x: Tensor, chosen: Tensor) -> Tensor:
    """Every step of every clip at a factor of its own.

    Args:
        slices: Of the network.
        x: Shape (n_sequences, stride^depth * n_steps, 1).
        chosen: Places of the factors, int64, shape (n_sequences, n_steps).

    Returns:
        Of the shape of x.
    """
    shape, skips = slices.shape, []
    for k in range(shape.depth):
        x = _encoded(slices, k, x, _frames(slices, k, chosen))
        skips.append(x)
    x = slices.bottleneck(x)
    for k in range(shape.depth, 2 * shape.depth):
        x = _decoded(slices, k, x + skips.pop(), _frames(slices, k, chosen))
    return x


def _frames(slices: Slices, index: int, chosen: Tensor) -> list[tuple[float, Tensor]]:
    """The factors that occur, each with the numbers of its frames among those of all sequences."""
    shape = slices.shape
    of_frames = chosen.repeat_interleave(shape.frames_per_step(shape.levels[index]), dim=1).flatten()
    numbers = [(uf, (of_frames == place).nonzero()[:, 0]) for place, uf in enumerate(shape.ufs)]
    return [(uf, frames) for uf, frames in numbers if len(frames)]


def _encoded(slices: Slices, index: int, x: Tensor, frames: list[tuple[float, Tensor]]) -> Tensor:
    seen = [part.flatten(0, 1) for part in windows(slices.encoder(index, frames[0][0]), x)]
    y = x.new_empty(len(seen[0]), slices.shape.channels[index])
    for uf, numbers in frames:
        y[numbers] = encode_frames(slices.encoder(index, uf), [part[numbers] for part in seen])
    return y.reshape(len(x), -1, y.shape[-1])


def _decoded(slices: Slices, index: int, x: Tensor, frames: list[tuple[float, Tensor]]) -> Tensor:
    rows, first = x.flatten(0, 1), slices.decoder(index, frames[0][0])
    n_chunks, _, width = first.conv.shape
    parts = [x.new_empty(len(rows), width) for _ in range(n_chunks)]
    for uf, numbers in frames:
        for part, of_frames in zip(parts, decode_frames(slices.decoder(index, uf), rows[numbers]), strict=True):
            part[numbers] = of_frames
    whole = [part.reshape(*x.shape[:2], -1) for part in parts]
    return overlapped(whole, first.conv_bias, is_last=index == 2 * slices.shape.depth - 1)
