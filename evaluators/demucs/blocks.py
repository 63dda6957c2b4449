"""What the blocks compute, on whole utterances or step by step: a piece of sound and what is left of the one before.

Sound is laid out (n_sequences, n_frames, n_channels), so that a strided convolution is a few matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, cat
from torch.nn.functional import glu, linear, pad


@dataclass(frozen=True)
class EncoderWeights:
    """Strided convolution, ReLU, 1x1 convolution, GLU; the inner width is that of the slice.

    Attributes:
        conv: Shape (kernel / stride, stride * n_inputs, n_inner), the earliest taps first.
        conv_bias: Shape (n_inner,).
        mix: Shape (n_inner, 2 * n_channels).
        mix_bias: Shape (2 * n_channels,).
    """

    conv: Tensor
    conv_bias: Tensor
    mix: Tensor
    mix_bias: Tensor


@dataclass(frozen=True)
class DecoderWeights:
    """1x1 convolution, GLU, transposed convolution; the inner width is that of the slice.

    Attributes:
        mix: Shape (n_channels, 2 * n_inner).
        mix_bias: Shape (2 * n_inner,).
        conv: Shape (kernel / stride, n_inner, stride * n_outputs), what is played first in front.
        conv_bias: Shape (n_outputs,).
    """

    mix: Tensor
    mix_bias: Tensor
    conv: Tensor
    conv_bias: Tensor


def encode(weights: EncoderWeights, x: Tensor, past: Tensor | None = None, gate: Tensor | None = None) -> Tensor:
    """Run a block of the encoder; no frame sees a later one.

    Args:
        weights: Of a slice.
        x: Shape (n_sequences, stride * n_frames, n_inputs).
        past: The last frames before x, see `inputs_to_keep`; None: silence.
        gate: What inner channels are multiplied by, of a shape that broadcasts to (n_sequences, n_frames, n_inner).

    Returns:
        Shape (n_sequences, n_frames, n_channels).
    """
    return encode_frames(weights, windows(weights, x, past), gate)


def windows(weights: EncoderWeights, x: Tensor, past: Tensor | None = None) -> list[Tensor]:
    """What each part of the taps sees in every frame, each of shape (n_sequences, n_frames, stride * n_inputs)."""
    n_chunks = len(weights.conv)
    seen = _seen(weights, x, past)
    n_frames = seen.shape[1] - (n_chunks - 1)
    return [seen[:, k : k + n_frames] for k in range(n_chunks)]


def encode_frames(weights: EncoderWeights, seen: Sequence[Tensor], gate: Tensor | None = None) -> Tensor:
    """A block of the encoder on any frames, by what they see: windows of shape (..., stride * n_inputs)."""
    inner = linear(seen[0], weights.conv[0].T, weights.conv_bias)
    for part, taps in zip(seen[1:], weights.conv[1:], strict=True):
        inner = inner + part @ taps
    inner = inner.relu()
    if gate is not None:
        inner = inner * gate
    return glu(linear(inner, weights.mix.T, weights.mix_bias), dim=-1)


def inputs_to_keep(weights: EncoderWeights, x: Tensor, past: Tensor | None) -> Tensor:
    """What the next piece of sound needs of this one, shape (n_sequences, kernel / stride - 1, stride * n_inputs)."""
    seen = _seen(weights, x, past)
    return seen[:, seen.shape[1] - (len(weights.conv) - 1) :]


def _seen(weights: EncoderWeights, x: Tensor, past: Tensor | None) -> Tensor:
    n_chunks, width, _ = weights.conv.shape
    chunks = x.reshape(len(x), -1, width)
    if past is None:
        past = x.new_zeros(len(x), n_chunks - 1, width)
    return cat([past, chunks], dim=1)


@dataclass(frozen=True)
class Decoded:
    """What a block of the decoder gives out.

    Attributes:
        y: Shape (n_sequences, stride * n_frames, n_outputs).
        rest: What it adds to the frames that follow, shape (n_sequences, kernel / stride - 1, stride * n_outputs).
    """

    y: Tensor
    rest: Tensor


def decode(
    weights: DecoderWeights, x: Tensor, rest: Tensor | None = None, gate: Tensor | None = None, *, is_last: bool
) -> Decoded:
    """Run a block of the decoder.

    Args:
        weights: Of a slice.
        x: Shape (n_sequences, n_frames, n_channels), the skip added.
        rest: What the piece before added to this one; None: nothing.
        gate: What inner channels are multiplied by, of a shape that broadcasts to (n_sequences, n_frames, n_inner).
        is_last: The sound itself, which no ReLU follows.
    """
    inner = _inner(weights, x, gate)
    (_, n_frames, _), n_before = inner.shape, len(weights.conv) - 1
    # What is played in a frame comes from it and those before it. To shift the inner side, which slicing makes narrow,
    # is cheaper than to add up outputs of full width.
    shifted = pad(inner, (0, 0, n_before, 0))
    together = cat([shifted[:, n_before - k : n_before - k + n_frames] for k in range(n_before + 1)], dim=-1)
    stride = weights.conv.shape[-1] // len(weights.conv_bias)
    y = linear(together, weights.conv.flatten(0, 1).T, weights.conv_bias.repeat(stride))
    last = inner[:, max(0, n_frames - n_before) :]
    after = _added_up([last @ taps for taps in weights.conv])[:, last.shape[1] :]
    if rest is not None:
        n_here = min(n_frames, n_before)
        y[:, :n_here] += rest[:, :n_here]
        after[:, : n_before - n_here] += rest[:, n_here:]
    y = y.reshape(len(y), -1, len(weights.conv_bias))
    return Decoded(y if is_last else y.relu_(), after)


def decode_frames(weights: DecoderWeights, x: Tensor, gate: Tensor | None = None) -> list[Tensor]:
    """What any frames add to the sound: from their own place on, and to each place after it.

    Args:
        weights: Of a slice.
        x: Shape (..., n_channels).
        gate: As in `decode`.

    Returns:
        For each part of the taps, shape (..., stride * n_outputs).
    """
    inner = _inner(weights, x, gate)
    return [inner @ taps for taps in weights.conv]


def _inner(weights: DecoderWeights, x: Tensor, gate: Tensor | None) -> Tensor:
    inner = glu(linear(x, weights.mix.T, weights.mix_bias), dim=-1)
    return inner if gate is None else inner * gate


def overlapped(parts: Sequence[Tensor], bias: Tensor, rest: Tensor | None, *, is_last: bool) -> Decoded:
    """The sum of what all frames add, each of shape (n_sequences, n_frames, stride * n_outputs)."""
    n_sequences, n_frames, _ = parts[0].shape
    whole = _added_up(parts)
    if rest is not None:
        whole[:, : len(parts) - 1] += rest
    y = whole[:, :n_frames].reshape(n_sequences, -1, len(bias)) + bias
    return Decoded(y if is_last else y.relu(), whole[:, n_frames:])


def _added_up(parts: Sequence[Tensor]) -> Tensor:
    """The sum of the parts, each a frame later than the one before."""
    n_sequences, n_frames, width = parts[0].shape
    whole = parts[0].new_zeros(n_sequences, n_frames + len(parts) - 1, width)
    for k, part in enumerate(parts):
        whole[:, k : k + n_frames] += part
    return whole
