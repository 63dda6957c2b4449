"""The trainable network, and its masked form: all channels computed, those that a slice leaves out multiplied by 0."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights
from evaluators.demucs.gradients import decode_in_training, encode_in_training
from evaluators.demucs.shape import DemucsShape
from evaluators.training.recurrence import run_recurrence


class EncoderBlock(nn.Module):
    """The weights of a block of the encoder, in PyTorch's layout."""

    def __init__(self, n_inputs: int, n_channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(n_inputs, n_channels, kernel, stride)
        self.mix = nn.Conv1d(n_channels, 2 * n_channels, 1)

    def sliced(self, n: int) -> EncoderWeights:
        """The first n outputs of the convolution, and the inputs of the 1x1 convolution that read them."""
        conv, mix = self.conv, self.mix
        assert conv.bias is not None
        assert mix.bias is not None
        # (n, n_inputs, kernel) -> (stride * n_inputs, kernel / stride * n)
        taps = (
            conv.weight[:n].permute(2, 1, 0).reshape(-1, self.stride * conv.in_channels, n).transpose(0, 1).flatten(1)
        )
        return EncoderWeights(taps, conv.bias[:n], mix.weight[:, :n, 0].T, mix.bias)


class DecoderBlock(nn.Module):
    """The weights of a block of the decoder, in PyTorch's layout."""

    def __init__(self, n_channels: int, n_outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.mix = nn.Conv1d(n_channels, 2 * n_channels, 1)
        self.conv = nn.ConvTranspose1d(n_channels, n_outputs, kernel, stride)

    def sliced(self, n: int) -> DecoderWeights:
        """The first n of either half that the GLU reads, and the inputs of the convolution that read its outputs."""
        conv, mix = self.conv, self.mix
        assert conv.bias is not None
        assert mix.bias is not None
        weight = mix.weight[:, :, 0].reshape(2, conv.in_channels, -1)[:, :n].reshape(2 * n, -1)
        bias = mix.bias.reshape(2, -1)[:, :n].reshape(2 * n)
        # (n, n_outputs, kernel) -> (kernel / stride, n, stride * n_outputs)
        taps = conv.weight[:n].permute(2, 0, 1).reshape(-1, self.stride, n, conv.out_channels)
        return DecoderWeights(weight.T, bias, taps.transpose(1, 2).flatten(2), conv.bias)


class SlimmableDemucs(nn.Module):
    """Encoder, grouped recurrent bottleneck and decoder on upsampled sound at the network's level.

    Args:
        shape: Sizes.
    """

    def __init__(self, shape: DemucsShape) -> None:
        super().__init__()
        self.shape = shape
        sizes = list(zip(shape.inputs, shape.channels, strict=True))
        self.encoder = nn.ModuleList(EncoderBlock(n, c, shape.kernel, shape.stride) for n, c in sizes)
        units = shape.channels[-1] // shape.groups
        self.bottleneck = nn.ModuleList(nn.GRU(units, units, batch_first=True) for _ in range(shape.groups))
        self.decoder = nn.ModuleList(DecoderBlock(c, n, shape.kernel, shape.stride) for n, c in reversed(sizes))

    @property
    def blocks(self) -> list[EncoderBlock | DecoderBlock]:
        """In the order in which they run."""
        return [*self.encoder, *self.decoder]

    @property
    def units(self) -> list[nn.GRU]:
        """The recurrent units of the bottleneck."""
        return list(self.bottleneck)  # type: ignore[arg-type]

    def forward(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """The masked form, in which every step of every sequence may have factors of its own.

        Args:
            x: Upsampled sound, shape (n_sequences, stride^depth * n_steps, 1).
            weights: For each block, of the utilization factors, shape (n_sequences, n_steps, n_ufs), or with 1 for
                n_steps; those of a step sum to 1. One-hot weights are exactly slimming.

        Returns:
            Of the shape of x.
        """
        shape, depth = self.shape, self.shape.depth
        gates = [self._gate(level, of_block) for level, of_block in zip(shape.levels, weights, strict=True)]
        skips = []
        for block, gate in zip(self.encoder, gates[:depth], strict=True):
            assert isinstance(block, EncoderBlock)
            x = encode_in_training(block.sliced(block.conv.out_channels), x, gate)
            skips.append(x)
        x = self.recur(x)
        for k, (block, gate) in enumerate(zip(self.decoder, gates[depth:], strict=True)):
            assert isinstance(block, DecoderBlock)
            weights_of_all = block.sliced(block.conv.in_channels)
            x = decode_in_training(weights_of_all, x + skips.pop(), gate, is_last=k == depth - 1)
        return x

    def recur(self, x: Tensor) -> Tensor:
        """The bottleneck from silence on, in training; shape (n_sequences, n_steps, n_channels)."""
        # As one unit whose matrices are block-diagonal: more products, but a quarter of the calls.
        weights = [self._joined(f"weight_{part}_l0") for part in ("ih", "hh")]
        biases = [self._joined(f"bias_{part}_l0") for part in ("ih", "hh")]
        return run_recurrence(x, *weights, *biases)

    def _joined(self, name: str) -> Tensor:
        """A parameter of all recurrent units, gate by gate."""
        gates = zip(*(unit.get_parameter(name).chunk(3) for unit in self.units), strict=True)
        join = torch.block_diag if name.startswith("weight") else lambda *parts: torch.cat(parts)
        return torch.cat([join(*of_gate) for of_gate in gates])

    def _gate(self, level: int, weights: Tensor) -> Tensor:
        """Which channels of a block are kept in each of its frames: sums of the weights of the factors that do."""
        gate = weights @ prefixes(self.shape, level).to(weights)
        return gate if gate.shape[1] == 1 else gate.repeat_interleave(self.shape.frames_per_step(level), dim=1)


def prefixes(shape: DemucsShape, level: int) -> Tensor:
    """Which channels each utilization factor keeps: 1 or 0, shape (n_ufs, n_channels)."""
    kept = torch.tensor([shape.n_kept(level, uf) for uf in shape.ufs])
    return (torch.arange(shape.channels[level]) < kept[:, None]).float()
