"""Blocks with gradients of their own against the blocks as they are, differentiated by PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights, decode, encode
from evaluators.demucs.gradients import decode_in_training, encode_in_training
from evaluators.demucs.losses import FRAMES, SMALLEST_POWER, _magnitudes


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def _gradients(y: Tensor, towards: Tensor, of: list[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad((y * towards).sum(), of))


@pytest.mark.parametrize("gate_shape", [None, (2, 6, 3), (2, 1, 3), (1, 1, 3)])
@pytest.mark.parametrize("n_chunks", [1, 2, 3])
def test_encoder_block(n_chunks: int, gate_shape: tuple[int, ...] | None) -> None:
    torch.manual_seed(0)
    weights = EncoderWeights(_random(n_chunks, 4 * 2, 3), _random(3), _random(3, 10), _random(10))
    x, gate = _random(2, 24, 2), None if gate_shape is None else _random(*gate_shape)
    of = [x, *vars(weights).values(), *([] if gate is None else [gate])]
    expected, found = encode(weights, x, gate=gate), encode_in_training(weights, x, gate)
    towards = torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_gradients(found, towards, of), _gradients(expected, towards, of))


@pytest.mark.parametrize("gate_shape", [None, (2, 6, 3), (2, 1, 3)])
@pytest.mark.parametrize(("n_chunks", "is_last"), [(1, False), (2, True), (3, False)])
def test_decoder_block(n_chunks: int, is_last: bool, gate_shape: tuple[int, ...] | None) -> None:
    torch.manual_seed(0)
    weights = DecoderWeights(_random(5, 6), _random(6), _random(n_chunks, 3, 4 * 2), _random(2))
    x, gate = _random(2, 6, 5), None if gate_shape is None else _random(*gate_shape)
    of = [x, *vars(weights).values(), *([] if gate is None else [gate])]
    expected = decode(weights, x, gate=gate, is_last=is_last).y
    found = decode_in_training(weights, x, gate, is_last=is_last)
    towards = torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_gradients(found, towards, of), _gradients(expected, towards, of))


def test_one_frame_is_enough() -> None:
    torch.manual_seed(0)
    weights = DecoderWeights(_random(5, 6), _random(6), _random(3, 3, 8), _random(2))
    x = _random(1, 1, 5)
    expected, found = decode(weights, x, is_last=True).y, decode_in_training(weights, x, is_last=True)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_gradients(found, found, [x]), _gradients(expected, expected, [x]))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("n_samples", [1024, 1500])
def test_magnitudes(frame: int, n_samples: int) -> None:
    torch.manual_seed(0)
    x = _random(2, n_samples)
    window = torch.hann_window(frame, dtype=torch.float64)
    padded = torch.nn.functional.pad(x, (0, -n_samples % (frame // 2)))
    spectrum = torch.stft(padded, frame, frame // 2, window=window, return_complex=True, pad_mode="constant")
    expected = (spectrum.real.square() + spectrum.imag.square()).clamp_min(SMALLEST_POWER).sqrt().transpose(1, 2)
    found = _magnitudes(x, frame)
    towards = torch.randn_like(expected)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        _gradients(found, towards, [x]), _gradients(expected, towards, [x]), rtol=1e-4, atol=1e-4
    )


def test_silence_has_no_gradient() -> None:
    x = torch.zeros(1, 2048, requires_grad=True)
    (gradient,) = torch.autograd.grad(_magnitudes(x, 256).log().sum(), x)
    assert not gradient.any()
