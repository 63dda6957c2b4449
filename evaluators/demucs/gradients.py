"""The blocks with their gradients in one piece, which train faster on a CPU than operator by operator.

They compute what `blocks` does on whole utterances. Gradients of slices of a tensor are otherwise tensors of the whole
size that are added up, and those of the GLU are several passes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights


def encode_in_training(weights: EncoderWeights, x: Tensor, gate: Tensor | None = None) -> Tensor:
    """Equal to `blocks.encode` from silence on."""
    n_before = weights.n_chunks - 1
    seen = pad(x.reshape(len(x), -1, len(weights.conv)), (0, 0, n_before, 0))
    if gate is not None:
        gate = gate.expand(len(x), seen.shape[1] - n_before, len(weights.conv_bias))
    return _Encoding.apply(seen, weights.conv, weights.conv_bias, weights.mix, weights.mix_bias, gate)  # type: ignore[no-any-return, no-untyped-call]


def decode_in_training(weights: DecoderWeights, x: Tensor, gate: Tensor | None = None, *, is_last: bool) -> Tensor:
    """Equal to the sound that `blocks.decode` gives from silence on."""
    conv = weights.conv.flatten(0, 1)
    n_repeats = conv.shape[1] // len(weights.conv_bias)
    bias = weights.conv_bias.repeat(n_repeats)
    if gate is not None:
        gate = gate.expand(*x.shape[:2], weights.conv.shape[1])
    y = _Decoding.apply(x, weights.mix, weights.mix_bias, conv, bias, gate, is_last)  # type: ignore[no-untyped-call]
    return y.reshape(len(x), -1, len(weights.conv_bias))  # type: ignore[no-any-return]


class _Encoding(torch.autograd.Function):
    """GLU(mix(gate * ReLU(convolution))), of frames that follow `n_chunks - 1` of silence."""

    @staticmethod
    def forward(
        ctx: Any, seen: Tensor, conv: Tensor, conv_bias: Tensor, mix: Tensor, mix_bias: Tensor, gate: Tensor | None
    ) -> Tensor:
        n_inner, n_chunks = len(conv_bias), conv.shape[1] // len(conv_bias)
        n_frames = seen.shape[1] - n_chunks + 1
        parts = (seen.flatten(0, 1) @ conv).view(*seen.shape[:2], -1)
        inner = parts[:, :n_frames, :n_inner] + conv_bias
        for k in range(1, n_chunks):
            inner += parts[:, k : k + n_frames, k * n_inner : (k + 1) * n_inner]
        inner.relu_()
        kept = inner if gate is None else inner * gate
        value, share = _halves(kept.flatten(0, 1), mix, mix_bias)
        ctx.save_for_backward(seen, conv, mix, gate, inner, kept, value, share)
        y: Tensor = (value * share).view(*inner.shape[:2], -1)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        seen, conv, mix, gate, inner, kept, value, share = ctx.saved_tensors
        of_sums = _to_halves(grad.flatten(0, 1), value, share)
        of_kept = (of_sums @ mix.T).view_as(inner)
        of_gate = None if gate is None else of_kept * inner
        of_inner = (of_kept if gate is None else of_kept * gate).mul_(inner > 0)
        n_inner, n_frames = inner.shape[2], inner.shape[1]
        n_chunks = conv.shape[1] // n_inner
        of_parts = seen.new_zeros(*seen.shape[:2], n_chunks * n_inner)
        for k in range(n_chunks):
            of_parts[:, k : k + n_frames, k * n_inner : (k + 1) * n_inner] = of_inner
        flat = of_parts.flatten(0, 1)
        of_seen = (flat @ conv.T).view_as(seen) if ctx.needs_input_grad[0] else None
        of_conv = seen.flatten(0, 1).T @ flat
        return of_seen, of_conv, of_inner.sum(dim=(0, 1)), kept.flatten(0, 1).T @ of_sums, of_sums.sum(dim=0), of_gate


class _Decoding(torch.autograd.Function):
    """(ReLU of) the transposed convolution of gate * GLU(mix)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mix: Tensor, mix_bias: Tensor, conv: Tensor, bias: Tensor, gate: Tensor | None, last: bool
    ) -> Tensor:
        value, share = _halves(x.flatten(0, 1), mix, mix_bias)
        inner = (value * share).view(*x.shape[:2], -1)
        kept = inner if gate is None else inner * gate
        n_frames, n_inner = x.shape[1], inner.shape[2]
        n_chunks = len(conv) // n_inner
        together = x.new_zeros(*x.shape[:2], n_chunks * n_inner)
        for k in range(min(n_chunks, n_frames)):
            together[:, k:, k * n_inner : (k + 1) * n_inner] = kept[:, : n_frames - k]
        y = torch.addmm(bias, together.flatten(0, 1), conv).view(*x.shape[:2], -1)
        if not last:
            y.relu_()
        ctx.save_for_backward(x, mix, conv, gate, inner, value, share, together, None if last else y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, mix, conv, gate, inner, value, share, together, y = ctx.saved_tensors
        of_y = (grad if y is None else grad * (y > 0)).flatten(0, 1)
        of_together = (of_y @ conv.T).view_as(together)
        n_frames, n_inner = x.shape[1], inner.shape[2]
        of_kept = of_together[:, :, :n_inner].contiguous()
        for k in range(1, min(together.shape[2] // n_inner, n_frames)):
            of_kept[:, : n_frames - k] += of_together[:, k:, k * n_inner : (k + 1) * n_inner]
        of_gate = None if gate is None else of_kept * inner
        of_inner = of_kept if gate is None else of_kept * gate
        of_sums = _to_halves(of_inner.flatten(0, 1), value, share)
        of_x = (of_sums @ mix.T).view_as(x)
        of_mix, of_mix_bias = x.flatten(0, 1).T @ of_sums, of_sums.sum(dim=0)
        return of_x, of_mix, of_mix_bias, together.flatten(0, 1).T @ of_y, of_y.sum(dim=0), of_gate, None


def _halves(x: Tensor, mix: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """What a GLU multiplies: values, and the sigmoid of the gating half; each of shape (n_rows, n_outputs)."""
    n = mix.shape[1] // 2
    return torch.addmm(bias[:n], x, mix[:, :n]), torch.addmm(bias[n:], x, mix[:, n:]).sigmoid_()


def _to_halves(grad: Tensor, value: Tensor, share: Tensor) -> Tensor:
    """The gradient of a GLU's input, shape (n_rows, 2 * n_outputs)."""
    n = grad.shape[1]
    found = grad.new_empty(len(grad), 2 * n)
    of_value = grad * share
    found[:, :n] = of_value
    of_value.mul_(value)
    found[:, n:] = of_value.addcmul_(of_value, share, value=-1)
    return found
