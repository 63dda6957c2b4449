"""The sliced form: each block with the weights that its utilization factor keeps, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights
from evaluators.demucs.gradients import decode_in_training, encode_in_training
from evaluators.demucs.network import DecoderBlock, EncoderBlock, SlimmableDemucs
from evaluators.demucs.schedules import check_schedule
from evaluators.demucs.shape import DemucsShape


@dataclass(frozen=True)
class SlicedDemucs:
    """Encoder and decoder cut to a schedule.

    Attributes:
        shape: Of the whole network.
        encoder: Weights of its blocks, in the order in which they run.
        decoder: Weights of its blocks, in the order in which they run.
    """

    shape: DemucsShape
    encoder: tuple[EncoderWeights, ...]
    decoder: tuple[DecoderWeights, ...]

    def down(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The encoder on whole utterances: what the bottleneck reads, and what the decoder adds.

        Args:
            x: At the network's rate and level, shape (n_sequences, stride^depth * n_steps, 1).
        """
        skips = []
        for encoder in self.encoder:
            x = encode_in_training(encoder, x)
            skips.append(x)
        return x, skips

    def up(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The decoder, on what the bottleneck gives."""
        for k, (decoder, skip) in enumerate(zip(self.decoder, reversed(skips), strict=True)):
            x = decode_in_training(decoder, x + skip, is_last=k == self.shape.depth - 1)
        return x


def sliced(network: SlimmableDemucs, schedule: Sequence[float]) -> SlicedDemucs:
    """Cut a network; the slices are tied to its weights, so that they can be trained.

    Raises:
        EvaluationError: If the schedule does not fit the network.
    """
    shape = network.shape
    check_schedule(shape, schedule)
    kept = [shape.n_kept(level, uf) for level, uf in zip(shape.levels, schedule, strict=True)]
    encoder = [
        block.sliced(n) for block, n in zip(network.blocks, kept, strict=True) if isinstance(block, EncoderBlock)
    ]
    decoder = [
        block.sliced(n) for block, n in zip(network.blocks, kept, strict=True) if isinstance(block, DecoderBlock)
    ]
    return SlicedDemucs(shape, tuple(encoder), tuple(decoder))
