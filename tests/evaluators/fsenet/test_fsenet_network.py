"""The network: its layers against PyTorch's own, its gates, and what it may see of the future."""

from __future__ import annotations

import pytest
import torch
from fsenet_cases import NONCAUSAL, TINY, spectra_like, tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from evaluators.fsenet.depthwise import depthwise
from evaluators.fsenet.folded import folded
from evaluators.fsenet.gates import Gate, moving_average, step
from evaluators.fsenet.network import ConvFsenet
from evaluators.fsenet.shape import PRESETS, FsenetShape


@settings(deadline=None, max_examples=25)
@given(n_frames=st.integers(1, 12), dilation=st.sampled_from([1, 2, 4]), is_causal=st.booleans())
def test_depthwise_is_a_convolution_forward_and_backward(n_frames: int, dilation: int, is_causal: bool) -> None:
    generator = torch.Generator().manual_seed(n_frames)
    x = torch.randn(2, n_frames, 5, generator=generator, dtype=torch.double, requires_grad=True)
    taps = torch.randn(3, 5, generator=generator, dtype=torch.double, requires_grad=True)
    pad = (2 * dilation, 0) if is_causal else (dilation, dilation)
    padded = nn.functional.pad(x.transpose(1, 2), pad)
    expected = nn.functional.conv1d(padded, taps.T[:, None], dilation=dilation, groups=5).transpose(1, 2)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.double)
    wanted = torch.autograd.grad((expected * weights).sum(), (x, taps))

    found = depthwise(x, taps, dilation, is_causal)

    torch.testing.assert_close(found, expected)
    for got, want in zip(torch.autograd.grad((found * weights).sum(), (x, taps)), wanted, strict=True):
        torch.testing.assert_close(got, want)


def test_moving_average_by_hand() -> None:
    x = torch.tensor([1.0, 2.0, 6.0, 0.0]).view(1, 4, 1)
    causal = moving_average(x, 3, is_causal=True).flatten()
    centred = moving_average(x, 3, is_causal=False).flatten()
    # (0+0+1)/3, (0+1+2)/3, (1+2+6)/3, (2+6+0)/3; centred, the same one frame earlier and (6+0+0)/3 at the end
    torch.testing.assert_close(causal, torch.tensor([1 / 3, 1.0, 3.0, 8 / 3]))
    torch.testing.assert_close(centred, torch.tensor([1.0, 3.0, 8 / 3, 2.0]))


@pytest.mark.parametrize("shape", [TINY, NONCAUSAL, FsenetShape(8, 6, gate_units=3, gating="static")])
def test_averaging_behind_the_first_layer_of_a_gate_gives_the_same_scores(shape: FsenetShape) -> None:
    x = torch.randn(2, 9, shape.bottleneck, generator=torch.Generator().manual_seed(0))
    for gate in tiny(shape).gates:
        assert isinstance(gate, Gate)
        with torch.no_grad():
            torch.testing.assert_close(gate.scores_of(x), gate(x))


def test_step_and_its_surrogate_gradients() -> None:
    scores = torch.tensor([-1.0, 0.0, 3.0], requires_grad=True)
    found = step(scores, "inverse_square", 1.0)
    assert found.tolist() == [0.0, 0.0, 1.0]
    # 1 / (1 + |s|)^2
    (gradient,) = torch.autograd.grad(found.sum(), scores)
    assert gradient.tolist() == [0.25, 1.0, 0.0625]
    (through,) = torch.autograd.grad(step(scores, "straight_through", 1.0).sum(), scores)
    assert through.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("shape", [TINY, NONCAUSAL], ids=["causal", "looking ahead"])
def test_the_future_reaches_a_frame_only_as_far_as_the_shape_says(shape: FsenetShape) -> None:
    network, x = tiny(shape).double(), spectra_like(1, 60).double().requires_grad_()
    network(x)[0, 30].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(dim=1).nonzero()[:, 0]
    # Taps of the blocks reach back 2, or back and ahead 1, dilations: (1 + 2 + 4) * 3 = 21.
    assert 30 <= seen.max() <= 30 + shape.look_ahead_frames
    assert (seen.max() > 30) == (not shape.is_causal)
    assert shape.look_ahead_frames == (0 if shape.is_causal else 21)


@pytest.mark.parametrize("shape", [TINY, NONCAUSAL], ids=["causal", "looking ahead"])
def test_folded_network_is_the_network(shape: FsenetShape) -> None:
    network, x = tiny(shape), spectra_like(2, 30)
    run = folded(network)
    y = run.front(x).relu()
    for block in run.blocks:
        y = y + block.residual(y)
    torch.testing.assert_close(run.mask(y), network(x).detach(), atol=1e-6, rtol=1e-5)


def test_blocks_that_are_not_pruned_are_the_dense_network() -> None:
    network, x = tiny(), spectra_like(2, 20)
    everything = torch.ones(len(TINY.blocks), 2, dtype=torch.bool)
    torch.testing.assert_close(network.gated(x, everything, "inverse_square", 1.0).mask, network(x))
    assert not torch.allclose(network.gated(x, ~everything, "inverse_square", 1.0).mask, network(x))


def test_gates_of_another_kind_leave_the_other_layers_the_same_weights() -> None:
    def front(shape: FsenetShape) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return ConvFsenet(shape).back.weight

    assert torch.equal(front(TINY), front(FsenetShape(8, 6, gate_units=3, gating="static")))


def test_paper_has_nine_blocks() -> None:
    assert len(PRESETS["paper"].blocks) == 9
    assert PRESETS["paper"].block_dilations == (1, 2, 4) * 3
    # 32 ms of framing; a network that looks ahead waits for 21 frames of 16 ms more
    assert PRESETS["paper"].delay_ms == 32
    assert NONCAUSAL.delay_ms == 32 + 21 * 16
