"""Few bits: integers that stand for weights and maps, and bit masks that give the same scores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_cases import TINY, features, network

from evaluators.quality.bit_strings import pack_integers, unpack_integers
from evaluators.quality.calibration import line_to, map_steps, start_of, thresholds
from evaluators.quality.evaluation import scale_scores, scores_of
from evaluators.quality.network import QualityNet, Rounding
from evaluators.quality.packed import PackedNet, is_packable
from evaluators.quality.quantization import best_step, levels, quantize_weights, trained_map, trained_weights_of
from evaluators.quality.rounded import Rounder, input_of, run_convolution, run_rounded
from evaluators.quality.trainer import predicted
from evaluators.quality.widths import Widths

FLOAT = Widths.uniform(TINY, 32, 32)
BINARY = Widths.uniform(TINY, 1, 32)


def binarized(seed: int = 0) -> tuple[QualityNet, Rounding]:
    """Maps split at their medians: about half of their bits are set."""
    return start_of(network(seed=seed), BINARY, features(6), 1.0)


def rounder_of(net: QualityNet, rounding: Rounding) -> Rounder:
    return Rounder(net, map_steps(net, rounding, features(6)))


def test_binary_maps_start_with_scores_that_are_spread_as_they_should_be() -> None:
    wanted = predicted(network(), features(6))
    net, rounding = binarized()
    found = predicted(net, features(6), rounding)
    slope, offset = np.polyfit(found.double().numpy(), wanted.double().numpy(), 1)
    assert slope == pytest.approx(1.0, rel=5e-3)
    assert offset == pytest.approx(0.0, abs=5e-3 * abs(float(wanted.mean())))


def test_weights_by_hand() -> None:
    weights = torch.tensor([[0.6, -0.2, 0.0, 0.7], [-2.0, 1.0, 1.0, 0.0]])
    integers, scale = quantize_weights(weights, 1)
    assert integers.tolist() == [[1, -1, 1, 1], [-1, 1, 1, 1]]
    assert scale.tolist() == pytest.approx([0.375, 1.0])
    integers, scale = quantize_weights(torch.tensor([[7.0, -3.0, 1.0, 0.0]]), 4)
    assert integers.tolist() == [[7, -3, 1, 0]]
    assert scale.tolist() == [1.0]


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_rounded_weights_leave_maps_in_the_order_that_is_fast(bits: int) -> None:
    net = network().requires_grad_(True)
    x = input_of(features(2))
    for layer in net.layers[: len(net.convolutions)]:
        weights = layer.weight
        for rounded in (quantize_weights(weights, bits).integers, trained_weights_of(weights, bits)):
            y = torch.nn.functional.conv2d(x, rounded, padding=1)
            assert y.is_contiguous(memory_format=torch.channels_last)
        x = net.pooled(y, 0).detach()
    trained_weights_of(weights, bits).sum().backward()  # type: ignore[no-untyped-call]
    assert weights.grad is not None
    assert (weights.grad == 1).all()


@pytest.mark.parametrize("bits", range(1, 9))
def test_more_bits_never_err_more(bits: int) -> None:
    weights = network().layers[1].weight
    errors = []
    for b in (bits, min(bits + 1, 8)):
        integers, scale = quantize_weights(weights, b)
        assert integers.abs().max() <= max(2 ** (b - 1) - 1, 1)
        errors.append((integers * scale.view(-1, 1, 1, 1) - weights).square().sum().item())
    assert errors[1] <= errors[0]


def test_map_levels_by_hand() -> None:
    x = torch.tensor([-1.0, 0.0, 0.1, 0.9, 5.0])
    assert levels(x, 1, 1.0).tolist() == [0, 0, 1, 1, 1]
    assert levels(x, 2, 0.5).tolist() == [0, 0, 0, 2, 3]
    assert levels(x, 32, 1.0).tolist() == x.relu().tolist()


def test_the_surrogate_gradient_is_the_published_one() -> None:
    x = torch.tensor([-1.0, 0.0, 3.0], requires_grad=True)
    trained_map(x, 1, 1.0, slope=2.0).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    # 1 / (2 |x| + 1)^2
    assert x.grad.tolist() == pytest.approx([1 / 9, 1.0, 1 / 49])


def test_the_best_step_beats_others() -> None:
    x = torch.rand(1000, generator=torch.Generator().manual_seed(0)) ** 3
    best = best_step(x, 3)

    def error(step: float) -> float:
        return (levels(x, 3, step) * step - x).square().mean().item()

    assert error(best) <= min(error(best * factor) for factor in (0.5, 0.8, 1.25, 2.0))


def test_rounding_to_32_bits_changes_nothing() -> None:
    net = network()
    start, rounding = start_of(net, FLOAT, features(6), 1.0)
    rounder = rounder_of(start, rounding)
    found = run_rounded(rounder.rounded(FLOAT), features(9))
    torch.testing.assert_close(found, predicted(net, features(9)), atol=1e-5, rtol=1e-5)


def test_the_rounded_network_is_the_one_that_is_trained() -> None:
    recipe = Widths((1, 3, 32, 1), (2, 3, 32, 4, 2, 32, 3))
    net, rounding = start_of(network(), recipe, features(6), 1.0)
    found = run_rounded(rounder_of(net, rounding).rounded(recipe), features(20))
    expected = predicted(net, features(20), rounding)
    # Sums in another order: a value may fall on the other side of a step, but hardly any does.
    assert (found - expected).abs().median() < 1e-5


def test_thresholds_by_hand() -> None:
    values = torch.tensor([[0.0, 0, 0, 2, 2, 2], [10.0, 0, 11, 1, 12, 0], [3.0, 3, 3, 3, 3, 3], [0.0, 0, 0, 0, 0, 9]])
    assert thresholds(values).tolist() == [1.0, 5.5, 3.0, 4.5]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=12))
def test_no_other_threshold_errs_less(numbers: list[int]) -> None:
    values = np.array(numbers, np.float64)

    def error(threshold: float) -> float:
        classes = (values[values <= threshold], values[values > threshold])
        return float(sum(((part - part.mean()) ** 2).sum() for part in classes if len(part)))

    (found,) = thresholds(torch.tensor(values, dtype=torch.float32)[None]).tolist()
    assert error(found) == pytest.approx(min(error(threshold) for threshold in values))


def test_a_split_map_stands_for_the_one_that_is_split() -> None:
    net, start = network(), binarized()[0]
    x = input_of(features(6)) / 32
    whole = net.pooled(net.layers[0](x), 0).relu()
    split = (start.pooled(start.layers[0](x), 0) > 0).float()
    for channel, bits in zip(whole.transpose(0, 1).flatten(1), split.transpose(0, 1).flatten(1), strict=True):
        error = sum(part.var(correction=0) * len(part) for part in (channel[bits == 0], channel[bits == 1]))
        at_median = channel > channel.median()
        assert error <= sum(p.var(correction=0) * len(p) for p in (channel[~at_median], channel[at_median])) + 1e-3


@pytest.mark.parametrize("weight_bits", [1, 2, 5, 8])
def test_bit_masks_give_the_maps_and_scores_of_the_measured_network_exactly(weight_bits: int) -> None:
    net, rounding = binarized(seed=weight_bits)
    widths = Widths.uniform(TINY, 1, weight_bits)
    rounded = rounder_of(net, rounding).rounded(widths)
    assert is_packable(rounded)
    packed = PackedNet(rounded)
    x = input_of(features(5, seed=3))
    maps = []
    for k, layer in enumerate(rounded.convolutions):
        x = run_convolution(layer, x, 1, 1.0, k == 3)
        maps.append(x)
    scores = run_rounded(rounded, features(5, seed=3))
    for i, clip in enumerate(features(5, seed=3).numpy()):
        for mask, expected in zip(packed.masks(clip), maps, strict=True):
            bits = np.unpackbits(mask, axis=2, bitorder="little")[..., : expected.shape[1]]
            np.testing.assert_array_equal(bits, expected[i].permute(1, 2, 0).numpy())
        assert packed.score(clip) == scores[i].item()


def test_what_is_not_binary_has_no_bit_masks() -> None:
    net, rounding = binarized()
    rounder = rounder_of(net, rounding)
    for widths in (Widths.uniform(TINY, 2, 8), BINARY):
        with pytest.raises(ValueError, match="one bit"):
            PackedNet(rounder.rounded(widths))


def test_candidates_do_not_depend_on_their_company() -> None:
    net, rounding = start_of(network(), FLOAT, features(6), 1.0)
    rounder = rounder_of(net, rounding)
    wanted = [Widths((a, b, 8, 3), (c, 8, 4, 4, 8, 8, 8)) for a, b, c in itertools.product((2, 8), (4, 32), (3, 8))]
    together = scores_of(rounder, wanted, features(20))
    for widths in wanted:
        alone = scores_of(rounder_of(net, rounding), [widths], features(20))[widths]
        assert together[widths].tolist() == alone.tolist()
    assert len({tuple(scores.tolist()) for scores in together.values()}) == len(wanted)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_integers_come_back(bits: int) -> None:
    rng = np.random.default_rng(bits)
    limit = 1 << (bits - 1)
    values = rng.choice([-1, 1], 37) if bits == 1 else rng.integers(-limit, limit, 37)
    packed = pack_integers(values, bits)
    assert packed.nbytes == -(-37 * bits // 8)
    assert unpack_integers(packed, bits, 37).tolist() == values.tolist()


def test_a_line_by_hand() -> None:
    # 1, 2, 3 should have been 0, 1, 5: 2.5 x - 3
    assert line_to(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 1.0, 5.0])) == pytest.approx((2.5, -3.0))
    assert line_to(torch.ones(3), torch.arange(3.0)) == (1.0, 0.0)


def test_scores_by_few_bits_come_back_to_their_scale() -> None:
    net, rounding = start_of(network(seed=1), FLOAT, features(6), 1.0)
    rounder, heard = rounder_of(net, rounding), features(12, seed=1)
    wanted = [Widths((8,) * 4, (8,) * 4 + (bits,) * 3) for bits in (1, 2, 8)]
    whole = predicted(net, heard)
    before = scores_of(rounder, wanted, heard)
    scale_scores(rounder, wanted, heard, whole)
    after = scores_of(rounder, wanted, heard)
    for widths in wanted:
        slope, offset = np.polyfit(before[widths].double().numpy(), whole.double().numpy(), 1)
        torch.testing.assert_close(after[widths], (before[widths] * slope + offset).float(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(run_rounded(rounder.rounded(widths), heard), after[widths], atol=0, rtol=0)
    assert (before[wanted[1]] - whole).abs().mean() > 10 * (after[wanted[1]] - whole).abs().mean()


def test_scores_that_fall_as_they_should_rise_are_left_alone() -> None:
    net, rounding = start_of(network(seed=1), FLOAT, features(6), 1.0)
    rounder = rounder_of(net, rounding)
    before = scores_of(rounder, [FLOAT], features(12))
    scale_scores(rounder, [FLOAT], features(12), -before[FLOAT])
    torch.testing.assert_close(scores_of(rounder, [FLOAT], features(12)), before, atol=0, rtol=0)
