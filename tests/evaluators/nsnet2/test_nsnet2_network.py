"""The network: published counts, reference weights, quality on real pairs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from nsnet2_cases import padded_features, sounds, tiny

from evaluators.errors import DataError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.shape import PRESETS, NsNet2Shape


def test_the_published_size_has_the_published_parameters():
    with torch.device("meta"):
        network = NsNet2(PRESETS["paper"])
    # 257*400+400 + 2*(6*400*400+6*400) + 400*600+600 + 600*600+600 + 600*257+257
    assert sum(p.numel() for p in network.parameters()) == 2_783_657


@pytest.mark.parametrize("is_split", [True, False])
def test_masks_are_gains_and_padding_does_not_matter(is_split):
    network = tiny(is_split=is_split)
    x, lengths = padded_features(sounds(4000, 1000))
    with torch.no_grad():
        together = network.all_masks(x, lengths)
        alone = network.all_masks(x[1:, : lengths[1]])
    assert list(together) == ["fc1", "gru1", "gru2", "final"]
    for exit_, mask in together.items():
        assert ((mask > 0) & (mask < 1)).all()
        torch.testing.assert_close(mask[1:, : lengths[1]], alone[exit_])


def test_a_gru_step_by_hand():
    layer = NsNet2(NsNet2Shape(1, 1, 1)).gru1
    with torch.no_grad():
        for parameter, values in zip(
            layer.cell.parameters(),
            ([0.5, -1.0, 2.0], [1.0, 0.25, -0.5], [0.1, 0.2, 0.3], [0.0, -0.1, 0.4]),
            strict=True,
        ):
            parameter.copy_(torch.tensor(values).reshape(parameter.shape))
        found = layer.step(torch.tensor([2.0]), torch.tensor([0.5])).item()
    reset = 1 / (1 + math.exp(-(0.5 * 2 + 0.1 + 1.0 * 0.5 + 0.0)))
    update = 1 / (1 + math.exp(-(-1.0 * 2 + 0.2 + 0.25 * 0.5 - 0.1)))
    new = math.tanh(2.0 * 2 + 0.3 + reset * (-0.5 * 0.5 + 0.4))
    assert found == pytest.approx((1 - update) * new + update * 0.5)


def archive(path: Path, shape: NsNet2Shape, **changes: np.ndarray) -> Path:
    """Weights in the reference's names and layout; ONNX keeps gates in the order update, reset, new."""
    rng = np.random.default_rng(0)
    f, g, h = shape.fc1_units, shape.gru_units, shape.fc2_units
    sizes = {
        "onnx__MatMul_166": (257, f),
        "fc1_bias": (f,),
        "onnx__MatMul_207": (g, h),
        "fc2_bias": (h,),
        "onnx__MatMul_208": (h, h),
        "fc3_bias": (h,),
        "onnx__MatMul_209": (h, 257),
        "fc4_bias": (257,),
        "onnx__GRU_184": (1, 3 * g, f),
        "onnx__GRU_204": (1, 3 * g, g),
        **{f"onnx__GRU_{n}": (1, 3 * g, g) for n in (185, 205)},
        **{f"onnx__GRU_{n}": (1, 6 * g) for n in (186, 206)},
    }
    arrays = {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array.size})
    return path


SMALL = NsNet2Shape(3, 4, 5)


def test_gates_are_put_into_the_order_of_pytorch(tmp_path):
    path = archive(tmp_path / "w.npz", SMALL)
    tensors = read_reference_weights(path, SMALL)
    NsNet2(SMALL).load_state_dict(tensors)
    given = np.load(path)
    update, reset, new = np.split(given["onnx__GRU_185"][0], 3)
    np.testing.assert_array_equal(tensors["gru1.cell.weight_hh_l0"], np.concatenate([reset, update, new]))
    np.testing.assert_array_equal(tensors["gru1.cell.bias_hh_l0"][:4], given["onnx__GRU_186"][0, 16:20])
    np.testing.assert_array_equal(tensors["fc1.cell.weight"], given["onnx__MatMul_166"].T)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fc2_bias": np.zeros(0, np.float32)}, "has no tensor fc2_bias"),
        ({"fc2_bias": np.zeros(6, np.float32)}, r"fc2.bias has the shape \(6,\)"),
        ({"fc2_bias": np.full(5, np.nan, np.float32)}, "fc2.bias holds values that are not finite"),
        ({"onnx__GRU_184": np.zeros((12, 3), np.float32)}, r"onnx__GRU_184 is float32 of shape \(12, 3\)"),
        ({"fc2_bias": np.array(["a"] * 5)}, "fc2_bias is <U1"),
    ],
)
def test_weights_that_do_not_fit_are_told(tmp_path, changes, told):
    path = archive(tmp_path / "w.npz", SMALL, **changes)
    with pytest.raises(DataError, match=told) as caught:
        read_reference_weights(path, SMALL)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_archive_is_told(tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(DataError, match="there is no such file"):
        read_reference_weights(path, SMALL)
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read"):
        read_reference_weights(path, SMALL)


def test_the_reference_weights_load(real_data):
    path = real_data / "models" / "nsnet2" / "nsnet2_weights.npz"
    if not path.is_file():
        pytest.skip("no reference weights")
    network = NsNet2(PRESETS["paper"])
    network.load_state_dict(read_reference_weights(path, PRESETS["paper"]))


@pytest.mark.slow
def test_the_reference_weights_enhance_the_pairs_as_published(real_data):
    pytest.importorskip("pesq")
    from benchmarks.nsnet2_reference import measure

    if not (real_data / "pairs_voicebank_demand").is_dir():
        pytest.skip("no pairs")
    found = measure(real_data)
    assert found["enhanced"]["pesq"] == pytest.approx(2.20, abs=0.02)
    assert found["enhanced"]["si_sdr_db"] == pytest.approx(11.9, abs=0.1)
    assert found["enhanced"]["stoi"] == pytest.approx(0.90, abs=0.006)
