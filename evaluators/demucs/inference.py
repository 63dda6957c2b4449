"""Many schedules of one network on the same clips: blocks that begin alike are run once.

Schedules form a tree, block by block in the order in which they run; each of its nodes is computed once. What a
schedule gives does not depend on its company, since every node runs on the same clips whoever needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import TypeVar

import torch
from torch import Tensor, nn

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights, decode, encode
from evaluators.demucs.bottleneck import Bottleneck
from evaluators.demucs.network import DecoderBlock, SlimmableDemucs
from evaluators.demucs.schedules import Schedule, check_schedule
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.sound import Back, Front, padded_length

Weights = TypeVar("Weights", EncoderWeights, DecoderWeights)


class Slices:
    """The weights of every block at every utilization factor asked for, cut once and kept; not for training.

    Args:
        network: On the CPU.
    """

    def __init__(self, network: SlimmableDemucs) -> None:
        self.shape: DemucsShape = network.shape
        self.units: tuple[nn.GRU, ...] = tuple(network.units)
        self.bottleneck = Bottleneck(self.units)
        self.blocks = network.blocks
        self._encoder: dict[tuple[int, int], EncoderWeights] = {}
        self._decoder: dict[tuple[int, int], DecoderWeights] = {}

    def encoder(self, index: int, uf: float) -> EncoderWeights:
        """Of a block of the encoder, by its place among all blocks."""
        block, n = self.blocks[index], self.shape.n_kept(self.shape.levels[index], uf)
        assert not isinstance(block, DecoderBlock)
        if (index, n) not in self._encoder:
            self._encoder[index, n] = _apart(block.sliced(n))
        return self._encoder[index, n]

    def decoder(self, index: int, uf: float) -> DecoderWeights:
        """Of a block of the decoder, by its place among all blocks."""
        block, n = self.blocks[index], self.shape.n_kept(self.shape.levels[index], uf)
        assert isinstance(block, DecoderBlock)
        if (index, n) not in self._decoder:
            self._decoder[index, n] = _apart(block.sliced(n))
        return self._decoder[index, n]


@dataclass(frozen=True)
class Prepared:
    """Clips side by side, at the network's rate and level.

    Attributes:
        x: Shape (n_clips, stride^depth * n_steps, 1); silence after the end of a clip.
        levels: Shape (n_clips, n_steps).
        leveled: At the rate and level that the router hears, shape (n_clips, step_samples * n_steps).
    """

    x: Tensor
    levels: Tensor
    leveled: Tensor

    @classmethod
    def of(cls, shape: DemucsShape, samples: Tensor) -> Prepared:
        """From sound of shape (n_clips, n_samples), of any length."""
        n_samples = samples.shape[1]
        padded = torch.nn.functional.pad(samples, (0, padded_length(shape, n_samples) - n_samples))
        x, levels = Front(shape, len(samples))(padded)
        steps = padded.reshape(*levels.shape, -1) / levels[..., None]
        return cls(x[..., None], levels, steps.flatten(1))

    def sounds(self, shape: DemucsShape, y: Tensor, n_samples: int) -> Tensor:
        """What the network made of them, as it is played, without the delay; shape (n_clips, n_samples)."""
        output = y + self.x if shape.has_input_skip else y
        played = Back(shape, len(y))(output[..., 0], self.levels)
        return played[:, shape.resampling_delay :][:, :n_samples]


@dataclass(frozen=True)
class Slimmed:
    """What a schedule makes of some clips.

    Attributes:
        schedule: The schedule.
        y: Of the shape of the network's input.
    """

    schedule: Schedule
    y: Tensor


@torch.inference_mode()
def run_schedules(slices: Slices, wanted: Sequence[Schedule], x: Tensor) -> Iterator[Slimmed]:
    """Run every schedule, in rising order of their factors.

    Args:
        slices: Of the network.
        wanted: Without repeats.
        x: Shape (n_sequences, stride^depth * n_steps, 1).

    Raises:
        EvaluationError: If a schedule does not fit the network.
    """
    for schedule in wanted:
        check_schedule(slices.shape, schedule)
    yield from _from_block(slices, sorted(wanted), 0, x, ())


def _from_block(
    slices: Slices, wanted: Sequence[Schedule], index: int, x: Tensor, skips: tuple[Tensor, ...]
) -> Iterator[Slimmed]:
    depth = slices.shape.depth
    if index == 2 * depth:
        yield Slimmed(wanted[0], x)
        return
    if index == depth:
        x = slices.bottleneck(x)
    for uf, alike in groupby(wanted, key=lambda schedule: schedule[index]):
        if index < depth:
            y = encode(slices.encoder(index, uf), x)
            yield from _from_block(slices, list(alike), index + 1, y, (*skips, y))
        else:
            y = decode(slices.decoder(index, uf), x, skips[-1], is_last=index == 2 * depth - 1).y
            yield from _from_block(slices, list(alike), index + 1, y, skips[:-1])


def _apart(weights: Weights) -> Weights:
    """Contiguous copies that are not tied to the network."""
    copies = {field.name: getattr(weights, field.name).detach().clone().contiguous() for field in fields(weights)}
    return replace(weights, **copies)
