from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from evaluators.data import Sequences
from evaluators.gru import calibration
from evaluators.gru.calibration import CalibratedGru, calibrate, sigmoid
from evaluators.gru.formats import Format, tensor_format, weight_format
from evaluators.gru.operators import slot_kind, slot_names, slot_widths


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_format_by_hand() -> None:
    four_levels = Format(bits=2, scale=0.5, zero_point=-1)  # -2..1 stand for -0.5, 0, 0.5, 1
    values = np.array([-9.0, -0.5, -0.26, -0.25, 0.0, 0.24, 0.25, 0.74, 0.75, 9.0])
    np.testing.assert_array_equal(four_levels.quantize(values), [-2, -2, -2, -1, -1, -1, 0, 0, 1, 1])
    np.testing.assert_array_equal(four_levels.dequantize(np.arange(-2, 2)), [-0.5, 0.0, 0.5, 1.0])


@given(st.integers(2, 16), st.floats(1e-6, 1e6), st.data())
def test_quantizing_what_integers_stand_for_gives_them_back(bits: int, scale: float, data: st.DataObject) -> None:
    zero_point = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    tensor = Format(bits, scale, zero_point)
    q = np.arange(tensor.low, tensor.high + 1)
    np.testing.assert_array_equal(tensor.quantize(tensor.dequantize(q)), q)
    assert tensor.dequantize(np.array([zero_point]))[0] == 0.0


def test_eight_bits_of_even_values_span_their_range() -> None:
    chosen = tensor_format(np.linspace(-1, 3, 4001), 8, -1.0, 3.0, None)
    assert chosen.scale == pytest.approx(4 / 255)
    assert chosen.zero_point == -64  # the lowest of 256 integers, -128, plus 1 / (4 / 255)


def _error(values: np.ndarray, chosen: Format) -> float:
    return float(np.mean((chosen.dequantize(chosen.quantize(values)) - values) ** 2))


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 12])
@pytest.mark.parametrize("tail", [1.0, 3.0])
def test_the_chosen_range_is_nearly_the_best_of_all(bits: int, tail: float, rng: np.random.Generator) -> None:
    values = np.sign(v := rng.normal(size=4000)) * np.abs(v) ** tail
    low, high = float(values.min()), float(values.max())
    chosen = _error(values, tensor_format(values, bits, low, high, None))
    shares = np.linspace(0.05, 1, 40)
    levels = (1 << bits) - 1
    best = np.inf
    for lower in low * shares:
        for scale in (high * shares - lower) / levels:
            zero_point = int(
                np.clip(np.floor(-(1 << (bits - 1)) - lower / scale + 0.5), -(1 << (bits - 1)), levels >> 1)
            )
            best = min(best, _error(values, Format(bits, float(scale), zero_point)))
    assert chosen <= 1.15 * best


def test_reading_through_a_sigmoid_spends_no_levels_on_its_flat_ends(rng: np.random.Generator) -> None:
    values = 6 * rng.normal(size=8000)
    low, high = float(values.min()), float(values.max())
    plain, through = (tensor_format(values, 3, low, high, f) for f in (None, sigmoid))
    errors = [
        float(np.mean((sigmoid(f.dequantize(f.quantize(values))) - sigmoid(values)) ** 2)) for f in (plain, through)
    ]
    assert through.scale < plain.scale
    assert errors[1] < 0.7 * errors[0]


def test_values_of_one_sign_use_all_levels() -> None:
    chosen = tensor_format(np.linspace(0.2, 1, 100), 4, 0.2, 1.0, None)
    assert chosen.zero_point == chosen.low


def test_a_tensor_of_zeros_has_a_format() -> None:
    chosen = tensor_format(np.zeros(10), 5, 0.0, 0.0, None)
    np.testing.assert_array_equal(chosen.dequantize(chosen.quantize(np.zeros(3))), 0.0)
    assert weight_format(np.zeros((2, 2)), 3).scale > 0


def test_weights_are_symmetric_and_use_few_levels_well() -> None:
    chosen = weight_format(np.array([[-1.0, 0.0, 1.0, 0.02]]), 2)
    assert chosen.zero_point == 0
    np.testing.assert_array_equal(chosen.quantize(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1])
    assert chosen.scale == pytest.approx(1.0)


def test_the_float_network_is_pytorchs(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    weights, data = random_weights(rng, 3, (6, 4)), random_sequences(rng, 9, 5, 3)
    outputs = np.zeros((9, 5, 4))
    order = np.argsort(-data.lengths, kind="stable")
    for step, tensors in enumerate(calibration._float_steps(weights, data)):
        state = tensors["gru1.add_state"]
        outputs[order[: len(state)], step] = state
    read = torch.from_numpy(data.x).double()
    for layer in weights.layers:
        gru = torch.nn.GRU(layer.n_inputs, layer.n_hidden, batch_first=True).double()
        arrays = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
        for parameter, array in zip(gru.parameters(), arrays, strict=True):
            parameter.data = torch.from_numpy(array).double()
        read = gru(read)[0]
    expected = read.detach().numpy()
    expected[np.arange(5) >= data.lengths[:, None]] = 0
    np.testing.assert_allclose(outputs, expected, atol=1e-12)


def test_every_slot_has_a_format_at_every_width(rng: np.random.Generator) -> None:
    calibrated = calibrate(random_weights(rng, 3, (6, 4)), random_sequences(rng, 9, 5, 3))
    for slot in slot_names(2):
        allowed = np.zeros(17, bool)
        allowed[list(slot_widths(slot))] = True
        np.testing.assert_array_equal(np.isfinite(calibrated.scales[slot]), allowed)
        assert np.all(calibrated.scales[slot][allowed] > 0)
        for bits in slot_widths(slot):
            chosen = calibrated.format(slot, bits)
            assert chosen.low <= chosen.zero_point <= chosen.high
            if slot_kind(slot) == "weight":
                assert chosen.zero_point == 0


def test_the_state_is_calibrated_as_it_is_carried(rng: np.random.Generator) -> None:
    calibrated = calibrate(random_weights(rng, 2, (3,)), random_sequences(rng, 9, 5, 2))
    assert all(calibrated.format("gru0.state", b) == calibrated.format("gru0.add_state", b) for b in range(2, 9))


def test_what_follows_the_end_of_a_sequence_does_not_count(rng: np.random.Generator) -> None:
    weights, data = random_weights(rng, 3, (6,)), random_sequences(rng, 9, 5, 3)
    x = data.x.copy()
    x[np.arange(5) >= data.lengths[:, None]] = 1e6
    _assert_same(calibrate(weights, data), calibrate(weights, replace(data, x=x)))


def test_calibration_survives_a_safetensors_file(rng: np.random.Generator, tmp_path: Path) -> None:
    calibrated = calibrate(random_weights(rng, 3, (6, 4)), random_sequences(rng, 9, 5, 3))
    save_file(calibrated.to_arrays(), tmp_path / "calibrated.safetensors")
    loaded = CalibratedGru.from_arrays(load_file(tmp_path / "calibrated.safetensors"))
    _assert_same(calibrated, loaded)
    assert len(loaded.weights.layers) == 2
    np.testing.assert_array_equal(loaded.weights.layers[1].weight_hh, calibrated.weights.layers[1].weight_hh)
    np.testing.assert_array_equal(loaded.weights.classifier_bias, calibrated.weights.classifier_bias)


def test_large_data_are_sampled_evenly(rng: np.random.Generator) -> None:
    samples = calibration._Samples(calibration._stride(5000, 6))
    seen = np.tile(np.arange(6.0), (100, 1))
    for _ in range(50):
        samples.add(seen)
    values = np.concatenate(samples._parts)
    assert 8192 / 2 < values.size <= 8192
    assert np.all(np.abs(np.bincount(values.astype(int)) - values.size / 6) <= 1)  # each unit as often as the others


def test_calibration_needs_finite_sequences(rng: np.random.Generator) -> None:
    weights, data = random_weights(rng, 3, (4,)), random_sequences(rng, 2, 2, 3)
    with pytest.raises(ValueError, match="at least one sequence"):
        calibrate(weights, data.head(0))
    broken = Sequences(np.full_like(data.x, np.nan), data.lengths, data.labels)
    with pytest.raises(ValueError, match="input takes values that are not finite"):
        calibrate(weights, broken)


def _assert_same(first: CalibratedGru, second: CalibratedGru) -> None:
    assert first.scales.keys() == second.scales.keys()
    for slot in first.scales:
        np.testing.assert_array_equal(first.scales[slot], second.scales[slot])
        np.testing.assert_array_equal(first.zero_points[slot], second.zero_points[slot])
