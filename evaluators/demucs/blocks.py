"""What the blocks compute, on whole utterances or step by step: a piece of sound and what is left of the one before.

Sound is laid out (n_sequences, n_frames, n_channels), so that a strided convolution is a few matrix products. Blocks go
over a long sound in stretches whose inner tensors stay in the cache, or, where they are narrow, by functions compiled
for that (`narrow`): slices are otherwise as slow as memory is. Not for training, see `gradients`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, addmm, cat, clamp

from evaluators.demucs.narrow import NarrowDecoder, NarrowEncoder

VALUES_AT_ONCE = 131_072
"""Of the widest inner tensor; 512 KiB."""
FEWEST_FRAMES = 512
"""Of a stretch: the weights are read once for each."""
FEW_COLUMNS = 8
"""Of a matrix, see `_product`."""


@dataclass(frozen=True)
class EncoderWeights:
    """Strided convolution, ReLU, 1x1 convolution, GLU; the inner width is that of the slice.

    Attributes:
        conv: Shape (stride * n_inputs, kernel / stride * n_inner), the earliest taps first.
        conv_bias: Shape (n_inner,).
        mix: Shape (n_inner, 2 * n_channels).
        mix_bias: Shape (2 * n_channels,).
    """

    conv: Tensor
    conv_bias: Tensor
    mix: Tensor
    mix_bias: Tensor

    @property
    def n_chunks(self) -> int:
        """kernel / stride."""
        return self.conv.shape[1] // len(self.conv_bias)

    @cached_property
    def mix_of_ones(self) -> Tensor:
        """`mix` with its bias as a last row, for inputs that end in 1: sums of full width are not passed over twice."""
        return cat([self.mix, self.mix_bias[None]])

    @cached_property
    def narrow(self) -> NarrowEncoder | None:
        """What runs the block faster, if it is narrow."""
        taps = cat(self.conv.chunk(self.n_chunks, dim=1))
        if not NarrowEncoder.takes(taps, self.mix):
            return None
        return NarrowEncoder(taps, self.conv_bias, self.mix, self.mix_bias)


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

    @cached_property
    def conv_of_ones(self) -> Tensor:
        """`conv` of all taps with the bias as a last row, as in `EncoderWeights.mix_of_ones`."""
        return cat([self.conv.flatten(0, 1), self.frame_bias[None]])

    @cached_property
    def frame_bias(self) -> Tensor:
        """Of all that is played in a frame, shape (stride * n_outputs,)."""
        return self.conv_bias.repeat(self.conv.shape[2] // len(self.conv_bias))

    @cached_property
    def narrow(self) -> NarrowDecoder | None:
        """What runs the block faster, if it is narrow."""
        if not NarrowDecoder.takes(self.mix, self.conv):
            return None
        return NarrowDecoder(self.mix, self.mix_bias, self.conv, self.frame_bias)


def encode(weights: EncoderWeights, x: Tensor, past: Tensor | None = None) -> Tensor:
    """Run a block of the encoder; no frame sees a later one.

    Args:
        weights: Of a slice.
        x: Shape (n_sequences, stride * n_frames, n_inputs).
        past: The last frames before x, see `inputs_to_keep`; None: silence.

    Returns:
        Shape (n_sequences, n_frames, n_channels).
    """
    n_inner, n_before = len(weights.conv_bias), weights.n_chunks - 1
    chunks = x.reshape(len(x), -1, len(weights.conv))
    n_sequences, n_frames, _ = chunks.shape
    y = x.new_empty(n_sequences, n_frames, len(weights.mix_bias) // 2)
    # A narrow block runs as a whole, but for the frames that see the piece before.
    n_here = min(n_before, n_frames) if weights.narrow else n_frames
    for first, end in _stretches(n_here, n_sequences * len(weights.mix_bias)):
        n = end - first
        heard = chunks[:, first - n_before : end] if first else _seen(weights, chunks[:, :end], past)
        # All taps on every chunk, then each frame's sum: several narrow products are slower than one.
        parts = _product(heard.flatten(0, 1), weights.conv).view(n_sequences, n + n_before, -1)
        total = parts[:, :n, :n_inner] + weights.conv_bias
        for k in range(1, weights.n_chunks):
            total += parts[:, k : k + n, k * n_inner : (k + 1) * n_inner]
        inner = x.new_ones(n_sequences, n, n_inner + 1)
        clamp(total, min=0, out=inner[..., :n_inner])
        value, gate = (_product(inner.flatten(0, 1), half) for half in weights.mix_of_ones.chunk(2, dim=1))
        y[:, first:end] = value.mul_(gate.sigmoid_()).view(n_sequences, n, -1)
    if weights.narrow and n_frames > n_here:
        weights.narrow(chunks, y, n_here)
    return y


def windows(weights: EncoderWeights, x: Tensor) -> list[Tensor]:
    """What each part of the taps sees in every frame, each of shape (n_sequences, n_frames, stride * n_inputs)."""
    seen = _seen(weights, x, None)
    n_frames = seen.shape[1] - (weights.n_chunks - 1)
    return [seen[:, k : k + n_frames] for k in range(weights.n_chunks)]


def encode_frames(weights: EncoderWeights, seen: Sequence[Tensor]) -> Tensor:
    """A block of the encoder on any frames, by what they see: windows of shape (n, stride * n_inputs)."""
    taps = weights.conv.chunk(weights.n_chunks, dim=1)
    inner = addmm(weights.conv_bias, seen[0], taps[0])
    for part, of_part in zip(seen[1:], taps[1:], strict=True):
        inner.addmm_(part, of_part)
    return _mixed(inner.relu_(), weights)


def inputs_to_keep(weights: EncoderWeights, x: Tensor, past: Tensor | None) -> Tensor:
    """What the next piece of sound needs of this one, shape (n_sequences, kernel / stride - 1, stride * n_inputs)."""
    seen = _seen(weights, x, past)
    return seen[:, seen.shape[1] - (weights.n_chunks - 1) :]


def _seen(weights: EncoderWeights, x: Tensor, past: Tensor | None) -> Tensor:
    width = len(weights.conv)
    chunks = x.reshape(len(x), -1, width)
    if past is None:
        past = x.new_zeros(len(x), weights.n_chunks - 1, width)
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


def decode(weights: DecoderWeights, x: Tensor, skip: Tensor, rest: Tensor | None = None, *, is_last: bool) -> Decoded:
    """Run a block of the decoder.

    Args:
        weights: Of a slice.
        x: Shape (n_sequences, n_frames, n_channels).
        skip: What its counterpart in the encoder gave, which is added to x.
        rest: What the piece before added to this one; None: nothing.
        is_last: The sound itself, which no ReLU follows.
    """
    (n_sequences, n_frames, _), (n_chunks, n_inner, width) = x.shape, weights.conv.shape
    n_before = n_chunks - 1
    y, before = x.new_empty(n_sequences, n_frames, width), x.new_zeros(n_sequences, n_before, n_inner)
    # A narrow block runs as a whole, but for the frames that what is left of the piece before is added to.
    n_here = min(n_before, n_frames) if weights.narrow else n_frames
    for first, end in _stretches(n_here, n_sequences * max(width, len(weights.mix_bias))):
        n, heard = end - first, (x[:, first:end] + skip[:, first:end]).flatten(0, 1)
        inner = cat([before, _mixed(heard, weights).view(n_sequences, n, -1)], dim=1)
        # What is played in a frame comes from it and those before it. To shift the inner side, which slicing makes
        # narrow, is cheaper than to add up outputs of full width.
        shifted = [inner[:, n_before - k : n_before - k + n] for k in range(n_chunks)]
        together = cat([*shifted, x.new_ones(n_sequences, n, 1)], dim=-1)
        played = _product(together.flatten(0, 1), weights.conv_of_ones).view(n_sequences, n, -1)
        if rest is not None and first == 0:
            played[:, :n_before] += rest[:, :n]
        y[:, first:end] = played if is_last else played.relu_()
        before = inner[:, n:]
    if weights.narrow and n_frames > n_here:
        before = weights.narrow(x, skip, before, y, is_last=is_last)
    after = _added_up([before @ part for part in weights.conv])[:, n_before:]
    if rest is not None and n_frames < n_before:
        after[:, : n_before - n_frames] += rest[:, n_frames:]
    return Decoded(y.reshape(n_sequences, -1, len(weights.conv_bias)), after)


def decode_frames(weights: DecoderWeights, x: Tensor) -> list[Tensor]:
    """What any frames add to the sound: from their own place on, and to each place after it.

    Args:
        weights: Of a slice.
        x: Shape (n, n_channels), the skip added.

    Returns:
        For each part of the taps, shape (n, stride * n_outputs).
    """
    inner = _mixed(x, weights)
    return [inner @ taps for taps in weights.conv]


def overlapped(parts: Sequence[Tensor], bias: Tensor, *, is_last: bool) -> Tensor:
    """The sound that all frames add up to, each part of shape (n_sequences, n_frames, stride * n_outputs)."""
    n_sequences, n_frames, _ = parts[0].shape
    y = _added_up(parts)[:, :n_frames].reshape(n_sequences, -1, len(bias)) + bias
    return y if is_last else y.relu_()


def _added_up(parts: Sequence[Tensor]) -> Tensor:
    """The sum of the parts, each a frame later than the one before."""
    n_sequences, n_frames, width = parts[0].shape
    whole = parts[0].new_zeros(n_sequences, n_frames + len(parts) - 1, width)
    for k, part in enumerate(parts):
        whole[:, k : k + n_frames] += part
    return whole


def _mixed(x: Tensor, weights: EncoderWeights | DecoderWeights) -> Tensor:
    """1x1 convolution and GLU, x of shape (n, n_inputs)."""
    halves = zip(weights.mix.chunk(2, dim=1), weights.mix_bias.chunk(2), strict=True)
    value, gate = (_product(x, half).add_(bias) for half, bias in halves)
    return value.mul_(gate.sigmoid_())


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight; of few columns as its transpose, which libraries compute up to three times faster."""
    return x @ weight if weight.shape[1] > FEW_COLUMNS else (weight.T @ x.T).T


def _stretches(n_frames: int, width: int) -> Iterator[tuple[int, int]]:
    """First frame and end of each stretch, of frames of so many values."""
    n_at_once = max(FEWEST_FRAMES, VALUES_AT_ONCE // width)
    return ((first, min(first + n_at_once, n_frames)) for first in range(0, n_frames, n_at_once))
