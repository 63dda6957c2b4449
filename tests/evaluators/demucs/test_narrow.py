"""Narrow blocks as compiled functions against PyTorch's layers."""

from __future__ import annotations

import pytest
import torch
from demucs_cases import plain_decoder, plain_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights, decode, encode, inputs_to_keep
from evaluators.demucs.narrow import MOST_VALUES


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape)


def _encoder(n_inputs: int, n_chunks: int, n_inner: int, n_channels: int) -> EncoderWeights:
    shapes = (4 * n_inputs, n_chunks * n_inner), (n_inner,), (n_inner, 2 * n_channels), (2 * n_channels,)
    return EncoderWeights(*(_random(*shape) for shape in shapes))


def _decoder(n_channels: int, n_chunks: int, n_inner: int, n_outputs: int) -> DecoderWeights:
    shapes = (n_channels, 2 * n_inner), (2 * n_inner,), (n_chunks, n_inner, 4 * n_outputs), (n_outputs,)
    return DecoderWeights(*(_random(*shape) for shape in shapes))


@torch.inference_mode()
@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_inputs=st.integers(1, 9),
    n_chunks=st.integers(1, 3),
    n_inner=st.integers(1, 20),
    n_vectors=st.integers(1, 4),
    n_frames=st.integers(1, 25),
)
def test_encoder(seed: int, n_inputs: int, n_chunks: int, n_inner: int, n_vectors: int, n_frames: int) -> None:
    torch.manual_seed(seed)
    weights = _encoder(n_inputs, n_chunks, n_inner, 8 * n_vectors)
    assert weights.narrow is not None
    x = _random(2, 4 * n_frames, n_inputs)
    torch.testing.assert_close(encode(weights, x), plain_encoder(weights, x), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_vectors=st.integers(1, 4),
    n_chunks=st.integers(1, 3),
    n_inner=st.integers(1, 20),
    n_outputs=st.integers(1, 9),
    n_frames=st.integers(1, 25),
    is_last=st.booleans(),
)
def test_decoder(
    seed: int, n_vectors: int, n_chunks: int, n_inner: int, n_outputs: int, n_frames: int, is_last: bool
) -> None:
    torch.manual_seed(seed)
    weights = _decoder(8 * n_vectors, n_chunks, n_inner, n_outputs)
    assert weights.narrow is not None
    x, skip = _random(2, n_frames, 8 * n_vectors), _random(2, n_frames, 8 * n_vectors)
    found = decode(weights, x, skip, is_last=is_last).y
    torch.testing.assert_close(found, plain_decoder(weights, x + skip, is_last=is_last), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("cut", [1, 2, 7])
def test_a_piece_goes_on_from_the_one_before(cut: int) -> None:
    torch.manual_seed(0)
    encoder, x = _encoder(2, 3, 3, 8), _random(2, 4 * 9, 2)
    first, past = encode(encoder, x[:, : 4 * cut]), inputs_to_keep(encoder, x[:, : 4 * cut], None)
    together = torch.cat([first, encode(encoder, x[:, 4 * cut :], past)], dim=1)
    torch.testing.assert_close(together, encode(encoder, x))
    decoder, x, skip = _decoder(8, 3, 3, 2), _random(2, 9, 8), _random(2, 9, 8)
    before = decode(decoder, x[:, :cut], skip[:, :cut], is_last=False)
    after = decode(decoder, x[:, cut:], skip[:, cut:], before.rest, is_last=False)
    whole = decode(decoder, x, skip, is_last=False)
    torch.testing.assert_close(torch.cat([before.y, after.y], dim=1), whole.y)
    torch.testing.assert_close(after.rest, whole.rest)


@torch.inference_mode()
def test_memory_in_another_order() -> None:
    torch.manual_seed(0)
    encoder, x = _encoder(4, 2, 3, 8), _random(2, 4, 40)
    torch.testing.assert_close(encode(encoder, x.mT), encode(encoder, x.mT.contiguous()))
    decoder, x, skip = _decoder(8, 2, 3, 2), _random(2, 8, 10), _random(2, 8, 10)
    expected = decode(decoder, x.mT.contiguous(), skip.mT.contiguous(), is_last=True).y
    torch.testing.assert_close(decode(decoder, x.mT, skip.mT, is_last=True).y, expected)


@torch.inference_mode()
def test_gates_of_any_size() -> None:
    gates = torch.tensor(
        [-1e30, -200.0, -88.0, -20.0, -1.5, 0.0, 1e-3, 0.3, 5.0, 17.0, 88.0, 200.0, 1e30, 2.0, 3.0, 4.0]
    )
    mix = torch.cat([torch.ones(16), gates])[None]
    weights = EncoderWeights(torch.ones(4, 1), torch.zeros(1), mix, torch.zeros(32))
    found = encode(weights, torch.full((1, 4 * 3, 1), 0.25))
    torch.testing.assert_close(found, gates.sigmoid().expand(1, 3, 16), rtol=1e-6, atol=1e-30)


@torch.inference_mode()
def test_what_is_no_number_stays_none_where_it_is_seen() -> None:
    torch.manual_seed(0)
    encoder, decoder = _encoder(1, 2, 3, 8), _decoder(8, 2, 3, 1)
    x = _random(1, 4 * 12, 1)
    x[0, 4 * 5] = torch.nan
    y = encode(encoder, x)
    assert y.isnan().any(dim=2)[0].nonzero().flatten().tolist() == [5, 6]
    heard = decode(decoder, y, torch.zeros_like(y), is_last=False).y
    assert heard[0, :, 0].isnan().nonzero().flatten().tolist() == list(range(4 * 5, 4 * 8))


def test_what_is_not_narrow_is_left_to_libraries() -> None:
    assert _encoder(1, 2, 3, 12).narrow is None
    assert _decoder(12, 2, 3, 1).narrow is None
    assert _encoder(MOST_VALUES // 8, 2, 1, 8).narrow is None
    assert _decoder(8, 2, 3, MOST_VALUES // 24).narrow is None
    in_double = EncoderWeights(*(w.double() for w in vars(_encoder(1, 2, 3, 8)).values()))
    assert in_double.narrow is None
