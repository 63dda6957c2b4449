"""One network in all its forms: masked, sliced, skipping, streamed; together and alone; against PyTorch's layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from demucs_cases import MIXED, SHAPES, TINY, UPSAMPLED, clip, sounds, tiny, tiny_router
from torch import Tensor, nn

from evaluators.demucs.evaluation import mean_utilization, portions
from evaluators.demucs.inference import Prepared, Slices, run_schedules
from evaluators.demucs.leaning import at_target
from evaluators.demucs.network import DecoderBlock, EncoderBlock, SlimmableDemucs
from evaluators.demucs.router import DiagonalGru, decisions, straight_through
from evaluators.demucs.routing import RoutedSlices, run_routed
from evaluators.demucs.schedules import uniform
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.slices import sliced
from evaluators.demucs.sound import Level, sinc_taps, upsampled
from evaluators.demucs.streaming import Fixed, Routing, enhance_stream
from evaluators.errors import EvaluationError

BOTH = pytest.mark.parametrize("shape", SHAPES, ids=["tiny", "upsampled"])


def weights_of(shape: DemucsShape, schedule: tuple[float, ...]) -> list[Tensor]:
    """One-hot weights of a schedule, for the masked form."""
    one_hot = nn.functional.one_hot(torch.tensor([shape.ufs.index(uf) for uf in schedule]), len(shape.ufs)).float()
    return [row.view(1, 1, -1) for row in one_hot]


def by_torch(network: SlimmableDemucs, schedule: tuple[float, ...], x: Tensor) -> Tensor:
    """The definition: PyTorch's layers, channels beyond the factor's set to 0."""
    shape = network.shape
    x, skips = x.transpose(1, 2), []
    kept = [shape.n_kept(level, uf) for level, uf in zip(shape.levels, schedule, strict=True)]
    for block, n in zip(network.encoder, kept[: shape.depth], strict=True):
        assert isinstance(block, EncoderBlock)
        inner = block.conv(nn.functional.pad(x, (shape.kernel - shape.stride, 0))).relu()
        inner[:, n:] = 0
        x = nn.functional.glu(block.mix(inner), dim=1)
        skips.append(x)
    parts = x.transpose(1, 2).chunk(shape.groups, dim=-1)
    x = torch.cat([unit(part)[0] for unit, part in zip(network.units, parts, strict=True)], dim=-1).transpose(1, 2)
    for k, (block, n) in enumerate(zip(network.decoder, kept[shape.depth :], strict=True)):
        assert isinstance(block, DecoderBlock)
        inner = nn.functional.glu(block.mix(x + skips.pop()), dim=1)
        inner[:, n:] = 0
        x = block.conv(inner)[..., : shape.stride * inner.shape[-1]]
        x = x if k == shape.depth - 1 else x.relu()
    return x.transpose(1, 2)


@BOTH
def test_masked_sliced_and_streamed_are_the_definition(shape: DemucsShape) -> None:
    network, schedule, heard = tiny(shape), MIXED[shape], sounds(2, 5_000)
    prepared = Prepared.of(shape, heard)
    expected = by_torch(network, schedule, prepared.x)
    assert float(expected.abs().max()) > 0.01
    masked = network(prepared.x, weights_of(shape, schedule))
    (slimmed,) = run_schedules(Slices(network), [schedule], prepared.x)
    cut = sliced(network, schedule)
    x, skips = cut.down(prepared.x)
    for found in (masked, cut.up(network.recur(x), skips), slimmed.y):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    whole = prepared.sounds(shape, expected, 5_000)[1].numpy()
    streamed = enhance_stream(Slices(network), Fixed(schedule), heard[1].numpy())
    np.testing.assert_allclose(streamed, whole, atol=1e-6)


@BOTH
def test_routed_forms_agree_step_by_step(shape: DemucsShape) -> None:
    network, router, heard = tiny(shape), tiny_router(shape), sounds(2, 6_000, seed=4)
    prepared, slices = Prepared.of(shape, heard), Slices(network)
    chosen = decisions(router(prepared.leveled), 0.0)
    assert len(chosen[0].unique()) > 1, "it changes its mind"
    one_hot = nn.functional.one_hot(chosen, len(shape.ufs)).float()
    masked = network(prepared.x, [one_hot] * len(shape.blocks))
    skipped = run_routed(slices, prepared.x, chosen)
    torch.testing.assert_close(skipped, masked, atol=1e-6, rtol=1e-5)
    routing = Routing(slices, router, 0.0)
    streamed = enhance_stream(slices, routing, heard[0].numpy())
    assert routing.chosen == chosen[0].tolist()
    np.testing.assert_allclose(streamed, prepared.sounds(shape, masked, 6_000)[0].numpy(), atol=1e-6)


def test_steps_of_one_factor_are_a_uniform_schedule() -> None:
    network, prepared = tiny(), Prepared.of(TINY, sounds(1, 3_000))
    for place, uf in enumerate(TINY.ufs):
        chosen = torch.full(prepared.levels.shape, place)
        (slimmed,) = run_schedules(Slices(network), [uniform(TINY, uf)], prepared.x)
        torch.testing.assert_close(run_routed(Slices(network), prepared.x, chosen), slimmed.y, atol=1e-6, rtol=1e-5)


def test_many_schedules_are_exactly_what_each_is_alone() -> None:
    slices, x = Slices(tiny()), Prepared.of(TINY, sounds(3, 4_000)).x
    wanted = [MIXED[TINY], uniform(TINY, 0.5), uniform(TINY, 1.0), (*MIXED[TINY][:-1], 1.0)]
    together = {slimmed.schedule: slimmed.y for slimmed in run_schedules(slices, wanted, x)}
    for schedule in wanted:
        (alone,) = run_schedules(slices, [schedule], x)
        assert torch.equal(together[schedule], alone.y)


def test_slices_read_nothing_beyond_their_channels() -> None:
    network = tiny()
    with torch.no_grad():
        for block, level in zip(network.blocks, TINY.levels, strict=True):
            n = TINY.n_kept(level, 0.5)
            if isinstance(block, EncoderBlock):
                block.conv.weight[n:], block.mix.weight[:, n:] = torch.nan, torch.nan
            else:
                block.conv.weight[n:] = torch.nan
                block.mix.weight.view(2, -1, block.mix.in_channels)[:, n:] = torch.nan
    (slimmed,) = run_schedules(Slices(network), [uniform(TINY, 0.5)], Prepared.of(TINY, sounds(1, 2_000)).x)
    assert slimmed.y.isfinite().all()


@BOTH
def test_no_sound_hears_the_future_beyond_its_delay(shape: DemucsShape) -> None:
    slices, heard = Slices(tiny(shape)), sounds(1, 4 * shape.step_samples)
    changed = heard.clone()
    changed[:, 3 * shape.step_samples :] += 0.1
    before, after = (enhance_stream(slices, Fixed(MIXED[shape]), h[0].numpy()) for h in (heard, changed))
    same = 3 * shape.step_samples - shape.resampling_delay
    np.testing.assert_array_equal(before[:same], after[:same])
    assert not np.allclose(before, after)


def test_resampling_keeps_tones() -> None:
    x = torch.sin(torch.arange(4_000) * 0.4)[None]
    y, _ = upsampled(x, torch.zeros(1, 111), sinc_taps())
    late = torch.sin((torch.arange(8_000) / 2 - 56) * 0.4)
    torch.testing.assert_close(y[0, 400:], late[400:], atol=1e-3, rtol=0)


def test_upsampled_sound_comes_back() -> None:
    heard = torch.sin(torch.arange(8_000) * 0.3)[None] * 0.1
    prepared = Prepared.of(UPSAMPLED, heard)
    torch.testing.assert_close(
        prepared.sounds(UPSAMPLED, prepared.x, 8_000)[:, 300:-300], heard[:, 300:-300], atol=1e-3, rtol=0
    )


def test_levels_by_hand() -> None:
    shape = DemucsShape(hidden=1, depth=1, stride=2, kernel=2, upsampling=1, groups=1)
    # Mean magnitudes of steps of two: 0.2, 0.4, 0.9; their running means
    found = Level(shape).advance(torch.tensor([[0.1, -0.3, 0.4, 0.4, -0.9, 0.9]]))
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.3, 0.5]]))


def test_diagonal_gru_is_a_gru_with_diagonal_matrices() -> None:
    torch.manual_seed(2)
    cell, reference = DiagonalGru(3, 4), nn.GRU(3, 4, batch_first=True)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(cell.inputs.weight)
        reference.bias_ih_l0.copy_(cell.inputs.bias)
        reference.bias_hh_l0.zero_()
        reference.weight_hh_l0.copy_(torch.cat([torch.diag(u) for u in cell.recurrent]))
    x = torch.randn(2, 7, 3)
    torch.testing.assert_close(cell(x), reference(x)[0])


def test_straight_through_choices_are_drawn_by_their_probabilities() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5]).expand(20_000, 1, 4)
    generator = torch.Generator().manual_seed(0)
    hard, soft = straight_through(logits, 1.0, generator)
    assert set(hard.round(decimals=4).unique().tolist()) == {0.0, 1.0}
    # Jang et al.: the largest of logits and Gumbel noise is a draw from the softmax.
    torch.testing.assert_close(hard.mean(dim=(0, 1)), torch.softmax(logits[0, 0], dim=0), atol=0.015, rtol=0)
    torch.testing.assert_close(soft.sum(dim=-1), torch.ones(20_000, 1))


def test_masks_pass_gradients_to_the_router() -> None:
    network, logits = tiny(), torch.zeros(1, 60, 4, requires_grad=True)
    weights, _ = straight_through(logits, 1.0, torch.Generator().manual_seed(1))
    prepared = Prepared.of(TINY, sounds(1, 60 * TINY.step_samples))
    network(prepared.x, [weights] * len(TINY.blocks)).square().mean().backward()
    assert logits.grad is not None
    assert logits.grad.abs().min() > 0


def test_a_bias_leans_towards_larger_factors() -> None:
    logits = torch.randn(1, 500, 4, generator=torch.Generator().manual_seed(3))
    means = [float(decisions(logits, bias).float().mean()) for bias in (-8, -1, 0, 1, 8)]
    assert means == sorted(means)
    assert (means[0], means[-1]) == (0.0, 3.0)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ((1.0,) * 5, "a schedule of 5 utilization factors for a network of 6 blocks: encoder1, "),
        ((1.0,) * 5 + (0.0,), "decoder1: utilization factor 0 is not above 0 and at most 1"),
        ((1.5,) + (1.0,) * 5, r"encoder1: utilization factor 1\.5 is not above 0"),
    ],
)
def test_schedules_that_do_not_fit(schedule: tuple[float, ...], told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        next(run_schedules(Slices(tiny()), [schedule], torch.zeros(1, 64, 1)))


@pytest.mark.parametrize("target", [0.2, 0.3, 0.6, 0.9])
def test_a_router_leans_until_it_meets_its_target(target: float) -> None:
    routed = RoutedSlices(Slices(tiny()), tiny_router())
    among = portions(TINY, [clip(40_000, seed) for seed in range(3)])
    met = at_target(routed, target, among)
    assert mean_utilization(met, among) == pytest.approx(target, abs=0.01)
    assert at_target(met, target, among) is met, "it is left as it is then"


def test_a_target_out_of_reach_is_met_as_nearly_as_may_be() -> None:
    routed = RoutedSlices(Slices(tiny()), tiny_router())
    among = portions(TINY, [clip(4_000)])
    assert mean_utilization(at_target(routed, 0.05, among), among) == 0.125


def test_a_sound_shorter_than_a_step_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="has 63 samples; one step of the bottleneck takes 64"):
        enhance_stream(Slices(tiny()), Fixed(uniform(TINY, 1.0)), np.zeros(63, dtype=np.float32))
