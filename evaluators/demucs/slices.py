"""The sliced form: each block with the weights that its utilization factor keeps, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights
from evaluators.demucs.gradients import decode_in_training, encode_in_training
from evaluators.demucs.network import DecoderBlock, EncoderBlock, SlimmableDemucs
from evaluators.demucs.schedules import check_schedule
from evaluators.demucs.shape import DemucsShape


@dataclass(frozen=True)
class SlicedDemucs:
    """A network cut to a schedule.

    Attributes:
        shape: Of the whole network.
        encoder: Weights of its blocks, in the order in which they run.
        bottleneck: Recurrent units, each for a share of the channels.
        decoder: Weights of its blocks, in the order in which they run.
    """

    shape: DemucsShape
    encoder: tuple[EncoderWeights, ...]
    bottleneck: tuple[nn.GRU, ...]
    decoder: tuple[DecoderWeights, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Whole utterances at the network's rate and level, shape (n_sequences, stride^depth * n_steps, 1)."""
        x, skips = self.down(x)
        return self.up(recur(self.bottleneck, x), skips)

    def down(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The encoder: what the bottleneck reads, and what the decoder adds."""
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
    return SlicedDemucs(shape, tuple(encoder), tuple(network.units), tuple(decoder))


def recur(units: Sequence[nn.GRU], x: Tensor) -> Tensor:
    """The bottleneck from silence on, shape (n_sequences, n_steps, n_channels).

    All units take a step together: one at a time, the small ones spend most of their time on being called.
    """
    (n_sequences, n_steps, _), n_units = x.shape, units[0].hidden_size
    w_i, w_h = (torch.stack([unit.get_parameter(f"weight_{part}_l0").T for unit in units]) for part in ("ih", "hh"))
    b_i, b_h = (torch.stack([unit.get_parameter(f"bias_{part}_l0")[None] for unit in units]) for part in ("ih", "hh"))
    # (n_groups, n_steps, n_sequences, n_units): a step of all is contiguous.
    heard = x.reshape(n_sequences, n_steps, len(units), n_units).permute(2, 1, 0, 3)
    of_inputs = torch.baddbmm(b_i, heard.flatten(1, 2), w_i).view(len(units), n_steps, n_sequences, -1)
    states = [x.new_zeros(len(units), n_sequences, n_units)]
    for of_input in of_inputs.unbind(1):
        of_state = torch.baddbmm(b_h, states[-1], w_h)
        gates = (of_input[..., : 2 * n_units] + of_state[..., : 2 * n_units]).sigmoid_()
        reset, kept = gates.chunk(2, dim=-1)
        new = torch.addcmul(of_input[..., 2 * n_units :], reset, of_state[..., 2 * n_units :]).tanh_()
        states.append(torch.lerp(new, states[-1], kept))
    return torch.stack(states[1:]).permute(2, 0, 1, 3).flatten(2)
