from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights, random_widths
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import EvaluationError
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.constants import (
    QuantizationError,
    complement_constants,
    lookup_table,
    product_bias,
    requantization,
    sum_constants,
)
from evaluators.gru.formats import Format
from evaluators.gru.operators import OPERATORS, Genome, gene_names, widths_of_genes
from evaluators.gru.quantization import quantize


@pytest.fixture(scope="module")
def calibrated() -> CalibratedGru:
    rng = np.random.default_rng(3)
    return calibrate(random_weights(rng, 3, (6, 4)), random_sequences(rng, 20, 5, 3))


def test_requantization_constants_by_hand() -> None:
    # 0.75 * 2**24 = 12582912, an even number: the odd one next to it. 3 = 0.75 * 2**2: the same, two shifts fewer.
    multiplier, shift = requantization(np.array([0.75, 3.0, 0.5]))
    np.testing.assert_array_equal(multiplier, [12582913, 12582913, 8388609])
    np.testing.assert_array_equal(shift, [24, 22, 24])


@given(st.floats(2.0**-32, 2.0**23, exclude_max=True))
def test_requantization_constants_are_within_their_bounds_and_close(ratio: float) -> None:
    (multiplier,), (shift,) = requantization(np.array([ratio]))
    assert multiplier % 2 == 1
    assert 2**23 < multiplier < 2**24
    assert 1 <= shift <= 55
    assert abs(Fraction(int(multiplier), 1 << int(shift)) / Fraction(ratio) - 1) <= Fraction(1, 2**23)


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.nan, np.inf, 2.0**23, 2.0**-33])
def test_ratios_that_cannot_be_expressed_are_errors(ratio: float) -> None:
    with pytest.raises(QuantizationError, match="outside"):
        requantization(np.array([0.5, ratio]))


def _float32_fma(acc: int, ratio: Fraction, start: int) -> Fraction:
    """acc * ratio + start, rounded once to 24 significant bits, halves to even."""
    exact = acc * ratio + start
    if exact == 0:
        return exact
    exponent = 0
    while abs(exact) >= 2 ** (exponent + 24):
        exponent += 1
    while abs(exact) < 2 ** (exponent + 23):
        exponent -= 1
    return Fraction(round(exact / Fraction(2) ** exponent)) * Fraction(2) ** exponent


@given(st.integers(-(2**24) + 1, 2**24 - 1), st.floats(2.0**-32, 2.0**8), st.integers(2, 16), st.data())
def test_one_rounded_multiply_add_is_the_integer_requantization(
    acc: int, ratio: float, bits: int, data: st.DataObject
) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    zero_point = data.draw(st.integers(low, high))
    multiplier, shift = (int(constants[0]) for constants in requantization(np.array([ratio])))
    integer = zero_point + ((acc * multiplier + (1 << (shift - 1))) >> shift)
    magic = 3 << 22
    rounded = _float32_fma(acc, Fraction(multiplier, 1 << shift), magic + zero_point) - magic
    assert min(max(integer, low), high) == min(max(rounded, low), high)


formats = st.builds(
    lambda bits, scale, share: Format(bits, scale, round(share * ((1 << bits) - 1)) - (1 << (bits - 1))),
    st.integers(2, 8),
    st.floats(1e-3, 0.1),
    st.floats(0, 1),
)


def _sum_constants(a: Format, b: Format, out: Format) -> tuple[int, ...]:
    constants = sum_constants(
        np.array([a.scale / out.scale]),
        np.array([b.scale / out.scale]),
        (np.array([a.zero_point]), np.array([b.zero_point]), np.array([out.zero_point])),
        np.array([out.bits]),
        np.array([max(a.bits, b.bits, out.bits) > 8]),
    )
    return tuple(int(values[0]) for values in constants)


def test_sum_constants_by_hand() -> None:
    # S <= 30 - 8 = 22, and M = 2**S < 2**21 allows 20; K = 2**19 + 3 * 2**20 - 1 * 2**20 - 2 * 2**20.
    a, b, out = Format(8, 0.5, 1), Format(8, 0.5, 2), Format(8, 0.5, 3)
    assert _sum_constants(a, b, out) == (2**20, 2**20, 2**19, 20)
    # In 64 bits: M < 2**24, so S = 23.
    assert _sum_constants(replace(a, bits=16), b, out) == (2**23, 2**23, 2**22, 23)


@given(formats, formats, formats, st.data())
def test_sums_fit_32_bits_and_round_to_the_nearest(a: Format, b: Format, out: Format, data: st.DataObject) -> None:
    multiplier_a, multiplier_b, constant, shift = _sum_constants(a, b, out)
    q_a, q_b = (data.draw(st.integers(f.low, f.high)) for f in (a, b))
    total = q_a * multiplier_a + q_b * multiplier_b + constant
    assert abs(total) < 2**31
    assert max(abs(multiplier_a), abs(multiplier_b)) < 2**21
    assert abs(constant) < 2**30
    assert 1 <= shift <= 30 - out.bits
    real = (a.scale * (q_a - a.zero_point) + b.scale * (q_b - b.zero_point)) / out.scale + out.zero_point
    assert abs((total >> shift) - real) <= 0.5 + 512 * 2.0**-shift


@given(formats, formats)
def test_a_complement_is_one_minus_its_operand(read: Format, written: Format) -> None:
    multiplier, constant, shift = complement_constants(read, written)
    q = np.arange(read.low, read.high + 1)
    real = (1 - read.dequantize(q)) / written.scale + written.zero_point
    assert np.all(np.abs(((q * multiplier + constant) >> shift) - real) <= 0.5 + 512 * 2.0**-shift)


def test_sums_that_no_shift_fits_are_errors() -> None:
    coarse, fine = Format(8, 1e6), Format(8, 1e-3)
    with pytest.raises(QuantizationError, match="no shift"):
        _sum_constants(coarse, fine, fine)


def test_biases_are_rounded_and_limited() -> None:
    bias = product_bias(np.array([0.5, -0.26, 1e9, -1e9]), 0.5, 1.0)
    np.testing.assert_array_equal(bias, [1, -1, 2**30, -(2**30)])  # -0.52 rounds to -1


def test_a_table_by_hand() -> None:
    # 2 bits: q - z = -1, 0, 1, 2 stand for -1, 0, 1, 2; tanh = -0.76, 0, 0.76, 0.96; over 0.25: -3, 0, 3, 4 (3.86).
    table = lookup_table(np.tanh, Format(2, 1.0, -1), Format(8, 0.25, 10))
    np.testing.assert_array_equal(table, [7, 10, 13, 14])
    assert table.dtype == np.int8


@pytest.mark.parametrize("genome", ["paper", "extended"])
def test_a_network_has_all_that_a_device_needs(genome: Genome, calibrated: CalibratedGru) -> None:
    for widths in random_widths(np.random.default_rng(0), genome, 2, 20):
        gru = quantize(calibrated, widths)
        assert gru.widths == widths
        assert gru.input.bits == widths["input"]
        assert gru.n_classes == 5
        assert [layer.n_hidden for layer in gru.layers] == [6, 4]
        assert [layer.input_new.linear.weight.shape for layer in gru.layers] == [(6, 3), (4, 6)]
        for index, layer in enumerate(gru.layers):
            for product in (layer.input_reset, layer.input_update, layer.hidden_new):
                weights, bits = product.linear.weight, product.linear.weight_bits
                assert weights.dtype == np.int8
                assert -(1 << (bits - 1)) <= weights.min() <= weights.max() < 1 << (bits - 1)
                assert product.linear.bias.dtype == np.int32
            assert len(layer.tanh_new.table) == 1 << widths[f"gru{index}.add_new"]
            carried, read = widths[f"gru{index}.add_state"], widths[f"gru{index}.state"]
            assert (layer.read_state is None) == (carried == read)
            assert all(hasattr(layer, operator) for operator in OPERATORS)


def test_widths_of_another_depth_are_refused(calibrated: CalibratedGru) -> None:
    (widths,) = random_widths(np.random.default_rng(0), "paper", 1, 1)
    with pytest.raises(ValueError, match="widths for 1 layers, network of 2"):
        quantize(calibrated, widths)


def _eight_bits(n_layers: int) -> dict[str, int]:
    return dict.fromkeys(gene_names("paper", n_layers), 8)


@pytest.mark.parametrize(
    ("slot", "scale", "message"),
    [
        ("gru0.hidden_new.output", 1e30, "gru0.hidden_new.output: a ratio of scales"),
        ("gru1.mul_new", 1e-30, "gru1.mul_new: a ratio of scales"),
        ("gru1.add_reset", 1e-9, "gru1.add_reset: no shift"),
        ("gru0.complement_update", 1e-9, "gru0.complement_update: no shift"),
    ],
)
def test_formats_that_the_arithmetic_cannot_express_are_named(
    calibrated: CalibratedGru, slot: str, scale: float, message: str
) -> None:
    broken = replace(calibrated, scales={**calibrated.scales, slot: np.full(17, scale)})
    with pytest.raises(QuantizationError, match=message):
        quantize(broken, widths_of_genes("paper", 2, _eight_bits(2)))
    assert issubclass(QuantizationError, EvaluationError)


def test_accumulators_beyond_32_bits_are_refused() -> None:
    rng = np.random.default_rng(0)
    weights = random_weights(rng, 150_000, (1,))
    layer = replace(weights.layers[0], weight_ih=np.ones((3, 150_000), np.float32))
    wide = replace(weights, layers=(layer,))
    calibrated = calibrate(wide, random_sequences(rng, 2, 1, 150_000))
    with pytest.raises(QuantizationError, match=r"gru0\.input_reset\.weight: an accumulator can exceed 32 bits"):
        quantize(calibrated, widths_of_genes("paper", 1, _eight_bits(1)))
