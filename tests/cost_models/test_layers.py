"""Layers by their shapes, against counting loops and published networks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cost_models.convolutions import Conv1d, Conv2d, Depthwise, Pointwise, Pool, output_length, taps_inside
from cost_models.layers import Elementwise, FullyConnected, Gru, Lstm

sizes = st.integers(1, 12)


def positions(size: int, taps: int, stride: int, padding: str) -> list[list[int]]:
    """For every position of a window the inputs that its taps fall on, padding included, written out."""
    if padding == "same":
        n = (size + stride - 1) // stride
        before = max((n - 1) * stride + taps - size, 0) // 2
        starts = [i * stride - before for i in range(n)]
    else:
        starts = [i for i in range(0, size, stride) if i + taps <= size]
    return [[start + tap for tap in range(taps)] for start in starts]


@given(sizes, sizes, sizes, st.sampled_from(["same", "valid"]))
def test_windows_along_one_axis(size: int, taps: int, stride: int, padding: Any) -> None:
    expected = positions(size, taps, stride, padding)
    if padding == "valid" and taps > size:
        return
    assert output_length(size, taps, stride, 1, padding) == len(expected)
    inside = sum(0 <= place < size for window in expected for place in window)
    assert taps_inside(size, taps, stride, padding) == inside


@given(sizes, sizes, sizes, sizes, st.tuples(sizes, sizes), st.integers(1, 3))
def test_a_convolution_multiplies_every_column_by_every_filter(
    height: int, width: int, in_channels: int, out_channels: int, kernel: tuple[int, int], stride: int
) -> None:
    layer = Conv2d(
        kind="conv2d",
        height=height,
        width=width,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel=list(kernel),
        stride=stride,
    )
    figures = layer.figures()
    pixels = len(positions(height, kernel[0], stride, "same")) * len(positions(width, kernel[1], stride, "same"))
    column = kernel[0] * kernel[1] * in_channels
    assert figures.macs == pixels * column * out_channels
    assert figures.weight_count == column * out_channels
    assert figures.output_elements == pixels * out_channels
    assert figures.shape == {
        "pixels": pixels,
        "im2col_elements": pixels * column,
        "weight_reads": (pixels + 1) // 2 * figures.weight_count,  # once for two columns
    }
    assert figures.scratch_bytes == 2 * column * 2  # two columns of 16-bit elements


def test_the_first_layer_of_the_keyword_spotter() -> None:
    layer = Conv2d(kind="conv2d", height=49, width=10, in_channels=1, out_channels=64, kernel=[10, 4], stride=2)
    assert layer.figures().macs == 25 * 5 * 10 * 4 * 64  # 320,000


def test_a_convolution_over_time() -> None:
    layer = Conv1d(kind="conv1d", length=98, in_channels=40, out_channels=64, kernel=3)
    figures = layer.figures()
    assert (figures.macs, figures.weight_count, figures.output_elements) == (752_640, 7680, 98 * 64)
    # Dilated by 2, three taps reach over five frames: 94 places without padding.
    layer = Conv1d(
        kind="conv1d", length=98, in_channels=40, out_channels=64, kernel=3, dilation=2, padding="valid", groups=4
    )
    assert layer.figures().macs == 94 * 3 * 10 * 64


def test_a_depthwise_layer_reads_only_weights_that_fall_into_the_image() -> None:
    figures = Depthwise(kind="depthwise", height=25, width=5, channels=64, kernel=3).figures()
    assert figures.macs == 25 * 5 * 9 * 64
    assert figures.shape["weight_reads"] == 73 * 13 * 64  # 3 * 25 - 2 and 3 * 5 - 2 taps
    assert Depthwise(kind="depthwise", height=1, width=8, channels=4, kernel=[1, 3], multiplier=2).figures().macs == (
        8 * 3 * 8
    )


def test_a_pointwise_layer_reads_its_weights_once_or_once_a_row() -> None:
    whole = Pointwise(kind="pointwise", height=8, width=6, in_channels=3, out_channels=5).figures()
    assert (whole.macs, whole.weight_count) == (48 * 15, 15)
    assert whole.shape == {"pixels": 48, "im2col_elements": 48 * 3, "weight_reads": 15}
    strided = Pointwise(kind="pointwise", height=8, width=7, in_channels=3, out_channels=5, stride=2).figures()
    assert strided.shape == {"pixels": 16, "im2col_elements": 48, "weight_reads": 4 * 15}


def test_recurrent_layers() -> None:
    gru = Gru(kind="gru", inputs=40, hidden=24, steps=7, state_bits=16).figures()
    assert gru.macs == gru.weight_count == 3 * 24 * 64
    assert gru.shape == {"rows": 144, "columns": 64, "calls": 2, "units": 24}
    assert (gru.steps, gru.state_elements, gru.state_bits) == (7, 24, 16)
    assert gru.scratch_bytes == 512  # NNoM's log for 24 units: 480 for 24 inputs and 624 for 96, 2 bytes an input
    lstm = Lstm(kind="lstm", inputs=40, hidden=24).figures()
    assert (lstm.macs, lstm.state_elements) == (4 * 24 * 64, 48)


def test_layers_without_macs() -> None:
    pool = Pool(kind="pool", height=25, width=5, channels=64, kernel=[25, 5]).figures()
    assert (pool.macs, pool.input_elements, pool.output_elements) == (0, 8000, 64)
    add = Elementwise(kind="elementwise", elements=100).figures()
    assert (add.macs, add.input_elements, add.output_elements) == (0, 200, 100)
    dense = FullyConnected(kind="fully_connected", inputs=64, outputs=12).figures()
    assert (dense.macs, dense.channels) == (768, 12)


@pytest.mark.parametrize(
    ("layer", "keys", "message"),
    [
        (Conv1d, {"kind": "conv1d", "length": 4, "kernel": 5, "padding": "valid"}, "a window of 5 does not fit into 4"),
        (Conv1d, {"kind": "conv1d", "length": 4, "kernel": 3, "groups": 3}, "3 groups do not divide 4 and 8 channels"),
        (
            Conv2d,
            {"kind": "conv2d", "height": 4, "width": 2, "kernel": 3, "padding": "valid"},
            "a window of 3 does not",
        ),
        (
            Conv1d,
            {"kind": "conv1d", "length": 4, "kernel": 3, "activity": 0.9, "activity_p95": 0.5},
            "a mean activity of 0.9 is not possible with activity_p95 0.5",
        ),
    ],
)
def test_impossible_shapes(layer: Any, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        layer(in_channels=4, out_channels=8, **keys)
