"""Blocks with gradients of their own, and those of inference, against PyTorch's layers and their gradients."""

from __future__ import annotations

import pytest
import torch
from demucs_cases import plain_decoder, plain_encoder
from torch import Tensor

from evaluators.demucs.blocks import FEWEST_FRAMES, DecoderWeights, EncoderWeights, decode, encode, inputs_to_keep
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
    weights = EncoderWeights(_random(4 * 2, n_chunks * 3), _random(3), _random(3, 10), _random(10))
    x, gate = _random(2, 24, 2), None if gate_shape is None else _random(*gate_shape)
    of = [x, *vars(weights).values(), *([] if gate is None else [gate])]
    expected, found = plain_encoder(weights, x, gate), encode_in_training(weights, x, gate)
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
    expected = plain_decoder(weights, x, gate, is_last=is_last)
    found = decode_in_training(weights, x, gate, is_last=is_last)
    towards = torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_gradients(found, towards, of), _gradients(expected, towards, of))


def test_one_frame_is_enough() -> None:
    torch.manual_seed(0)
    weights = DecoderWeights(_random(5, 6), _random(6), _random(3, 3, 8), _random(2))
    x = _random(1, 1, 5)
    expected, found = plain_decoder(weights, x, is_last=True), decode_in_training(weights, x, is_last=True)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_gradients(found, found, [x]), _gradients(expected, expected, [x]))


@torch.inference_mode()
@pytest.mark.parametrize("n_frames", [1, 2, FEWEST_FRAMES, 2 * FEWEST_FRAMES + 1])
@pytest.mark.parametrize("n_chunks", [1, 2, 3])
def test_blocks_at_inference(n_chunks: int, n_frames: int) -> None:
    torch.manual_seed(0)
    encoder = EncoderWeights(_random(4 * 2, n_chunks * 3), _random(3), _random(3, 400), _random(400))
    x = _random(2, 4 * n_frames, 2)
    torch.testing.assert_close(encode(encoder, x), plain_encoder(encoder, x))
    decoder = DecoderWeights(_random(5, 18), _random(18), _random(n_chunks, 9, 4 * 60), _random(60))
    x, skip = _random(2, n_frames, 5), _random(2, n_frames, 5)
    for is_last in (False, True):
        found = decode(decoder, x, skip, is_last=is_last).y
        torch.testing.assert_close(found, plain_decoder(decoder, x + skip, is_last=is_last))


@torch.inference_mode()
@pytest.mark.parametrize("cut", [1, 2, 7])
def test_blocks_go_on_from_a_piece(cut: int) -> None:
    torch.manual_seed(0)
    encoder = EncoderWeights(_random(4 * 2, 3 * 3), _random(3), _random(3, 10), _random(10))
    x, at = _random(2, 4 * 9, 2), 4 * cut
    first, past = encode(encoder, x[:, :at]), inputs_to_keep(encoder, x[:, :at], None)
    together = torch.cat([first, encode(encoder, x[:, at:], past)], dim=1)
    torch.testing.assert_close(together, encode(encoder, x))
    decoder = DecoderWeights(_random(5, 6), _random(6), _random(3, 3, 8), _random(2))
    x, skip = _random(2, 9, 5), _random(2, 9, 5)
    before = decode(decoder, x[:, :cut], skip[:, :cut], is_last=False)
    after = decode(decoder, x[:, cut:], skip[:, cut:], before.rest, is_last=False)
    torch.testing.assert_close(torch.cat([before.y, after.y], dim=1), decode(decoder, x, skip, is_last=False).y)


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
