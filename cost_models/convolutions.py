"""Convolutions and pooling by their shapes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from cost_models.layers import Layer, LayerFigures, Size

Padding = Literal["same", "valid"]

SCRATCH_COLUMNS = 2
"""Columns of an im2col buffer, of 16-bit elements: how CMSIS-NN computes convolutions."""
_COLUMN_ELEMENT_BYTES = 2


def _both_axes(value: Any) -> Any:
    """One number is meant for rows and columns."""
    if isinstance(value, int):
        return [value, value]
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("must be one whole number, or two in a list")
    return value


Pair = Annotated[list[Size], BeforeValidator(_both_axes)]
"""Of rows and of columns."""


class Conv1d(Layer):
    """A convolution over time."""

    kind: Literal["conv1d"]
    length: Size = Field(description="frames read")
    in_channels: Size = Field(description="channels read")
    out_channels: Size = Field(description="channels written")
    kernel: Size = Field(description="taps")
    stride: Size = Field(1, description="frames between two outputs")
    dilation: Size = Field(1, description="frames between two taps")
    padding: Padding = Field("same", description="same: an output for every stride; valid: only where all taps fit")
    groups: Size = Field(1, description="groups of channels; must divide both counts")

    @model_validator(mode="after")
    def _is_possible(self) -> Conv1d:
        _check_groups(self.groups, self.in_channels, self.out_channels)
        _check_taps(self.length, self.kernel, self.dilation, self.padding)
        return self

    def figures(self) -> LayerFigures:
        """One column of `kernel * in_channels / groups` elements for every output frame and group."""
        pixels = output_length(self.length, self.kernel, self.stride, self.dilation, self.padding)
        column = self.kernel * self.in_channels // self.groups
        return _convolution(pixels, column, self.out_channels, self.length * self.in_channels, self.groups)


class _Image(Layer):
    """A layer that slides a window over an image."""

    height: Size = Field(description="rows read")
    width: Size = Field(description="columns read")
    kernel: Pair = Field(description="rows and columns of the window; one number: a square")
    stride: Pair = Field([1, 1], description="rows and columns between two outputs; one number: both")
    padding: Padding = Field("same", description="same: an output for every stride; valid: only where the window fits")

    @model_validator(mode="after")
    def _window_fits(self) -> _Image:
        for size, taps in zip((self.height, self.width), self.kernel, strict=True):
            _check_taps(size, taps, 1, self.padding)
        return self

    def pixels(self) -> int:
        """Positions of the output."""
        rows, columns = (output_length(n, k, s, 1, self.padding) for n, k, s in self.axes())
        return rows * columns

    def axes(self) -> list[tuple[int, int, int]]:
        """Size, taps and stride along the rows and along the columns."""
        return list(zip((self.height, self.width), self.kernel, self.stride, strict=True))


class Conv2d(_Image):
    """A convolution over an image."""

    kind: Literal["conv2d"]
    in_channels: Size = Field(description="channels read")
    out_channels: Size = Field(description="channels written")
    groups: Size = Field(1, description="groups of channels; must divide both counts")

    @model_validator(mode="after")
    def _is_possible(self) -> Conv2d:
        _check_groups(self.groups, self.in_channels, self.out_channels)
        return self

    def figures(self) -> LayerFigures:
        """One column of `kernel * in_channels / groups` elements for every output position and group."""
        rows, columns = self.kernel
        column = rows * columns * self.in_channels // self.groups
        n_inputs = self.height * self.width * self.in_channels
        return _convolution(self.pixels(), column, self.out_channels, n_inputs, self.groups)


class Depthwise(_Image):
    """A convolution of every channel with a window of its own."""

    kind: Literal["depthwise"]
    channels: Size = Field(description="channels read")
    multiplier: Size = Field(1, description="channels written for each one read")

    def figures(self) -> LayerFigures:
        """`kernel` MACs for every output; weights are read only where the window lies inside the image."""
        rows, columns = self.kernel
        pixels, channels = self.pixels(), self.channels * self.multiplier
        down, across = (taps_inside(n, k, s, self.padding) for n, k, s in self.axes())
        return LayerFigures(
            macs=pixels * rows * columns * channels,
            weight_count=rows * columns * channels,
            channels=channels,
            input_elements=self.height * self.width * self.channels,
            output_elements=pixels * channels,
            shape={"pixels": pixels, "weight_reads": down * across * channels},
        )


class Pointwise(Layer):
    """A convolution with a window of one position."""

    kind: Literal["pointwise"]
    height: Size = Field(description="rows read")
    width: Size = Field(1, description="columns read")
    in_channels: Size = Field(description="channels read")
    out_channels: Size = Field(description="channels written")
    stride: Pair = Field([1, 1], description="rows and columns between two outputs; one number: both")

    def figures(self) -> LayerFigures:
        """A matrix product; the weights are read once, or once for every row of outputs where there is a stride."""
        strides = self.stride
        rows, columns = (-(-size // s) for size, s in zip((self.height, self.width), strides, strict=True))
        weights = self.in_channels * self.out_channels
        reads = weights if max(strides) == 1 else weights * rows
        return LayerFigures(
            macs=rows * columns * weights,
            weight_count=weights,
            channels=self.out_channels,
            input_elements=self.height * self.width * self.in_channels,
            output_elements=rows * columns * self.out_channels,
            shape={
                "pixels": rows * columns,
                "im2col_elements": rows * columns * self.in_channels,
                "weight_reads": reads,
            },
        )


class Pool(_Image):
    """The mean or the largest of a window, for every channel."""

    kind: Literal["pool"]
    channels: Size = Field(description="channels read and written")
    padding: Padding = Field("valid", description="same: an output for every stride; valid: only where the window fits")

    def figures(self) -> LayerFigures:
        """No MACs."""
        pixels = self.pixels()
        n_inputs = self.height * self.width * self.channels
        return LayerFigures(0, 0, 0, n_inputs, pixels * self.channels, {"pixels": pixels})


def output_length(size: int, taps: int, stride: int, dilation: int, padding: Padding) -> int:
    """Positions of a window along one axis.

    >>> output_length(49, taps=10, stride=2, dilation=1, padding="same")
    25
    """
    if padding == "same":
        return -(-size // stride)
    return (size - dilation * (taps - 1) - 1) // stride + 1


def taps_inside(size: int, taps: int, stride: int, padding: Padding) -> int:
    """Taps along one axis that fall into the image, summed over all positions.

    >>> taps_inside(5, taps=3, stride=1, padding="same")  # 2 + 3 + 3 + 3 + 2
    13
    """
    n = output_length(size, taps, stride, 1, padding)
    before = max((n - 1) * stride + taps - size, 0) // 2 if padding == "same" else 0
    starts = (position * stride - before for position in range(n))
    return sum(min(start + taps, size) - max(start, 0) for start in starts)


def _convolution(pixels: int, column: int, out_channels: int, n_inputs: int, groups: int) -> LayerFigures:
    weights = column * out_channels
    return LayerFigures(
        macs=pixels * weights,
        weight_count=weights,
        channels=out_channels,
        input_elements=n_inputs,
        output_elements=pixels * out_channels,
        shape={
            "pixels": pixels,
            "im2col_elements": pixels * column * groups,
            # All weights are read once for every pair of columns.
            "weight_reads": -(-pixels // SCRATCH_COLUMNS) * weights,
        },
        scratch_bytes=SCRATCH_COLUMNS * column * _COLUMN_ELEMENT_BYTES,
    )


def _check_taps(size: int, taps: int, dilation: int, padding: Padding) -> None:
    reach = dilation * (taps - 1) + 1
    if padding == "valid" and reach > size:
        raise ValueError(f"a window of {reach} does not fit into {size} without padding")


def _check_groups(groups: int, in_channels: int, out_channels: int) -> None:
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"{groups} groups do not divide {in_channels} and {out_channels} channels")
