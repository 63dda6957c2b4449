"""A quantized GRU as a device runs it: the integers of every operator of docs/integer_gru.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.formats import Format
from evaluators.gru.operators import Widths


@dataclass(frozen=True)
class Requantization:
    """clamp(zero_point + (accumulator * multiplier + 2**(shift - 1)) >> shift) to [low, high].

    Attributes:
        multiplier: Odd, from 2**23 to 2**24.
        shift: From 1 to 55.
        zero_point, low, high: Of the output.
    """

    multiplier: int
    shift: int
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class Linear:
    """accumulator = weight @ (x - input_zero_point) + bias, in 32 bits.

    Attributes:
        weight: int8, shape (rows, columns).
        weight_bits: Width at which the weights are stored.
        bias: int32, shape (rows,).
        input_zero_point: Of x.
    """

    weight: NDArray[np.int8]
    weight_bits: int
    bias: NDArray[np.int32]
    input_zero_point: int


@dataclass(frozen=True)
class MatrixProduct:
    """A linear map whose accumulators are requantized."""

    linear: Linear
    output: Requantization


@dataclass(frozen=True)
class Product:
    """(a - zero_point_a) * (b - zero_point_b), requantized."""

    zero_point_a: int
    zero_point_b: int
    output: Requantization


@dataclass(frozen=True)
class Sum:
    """clamp((a * multiplier_a + b * multiplier_b + constant) >> shift) to [low, high].

    Attributes:
        is_wide: Whether the sum needs 64 bits; else 32 are enough.
    """

    multiplier_a: int
    multiplier_b: int
    constant: int
    shift: int
    low: int
    high: int
    is_wide: bool = False


@dataclass(frozen=True)
class Lookup:
    """table[q + len(table) / 2].

    Attributes:
        table: int8, one entry for each integer that may be read, from the least upwards.
    """

    table: NDArray[np.int8]


@dataclass(frozen=True)
class IntegerGruLayer:
    """One layer: its 17 operators, and the two forms of its state.

    Attributes:
        complement_update: A sum without a second operand.
        initial_state: What the carried state starts at: its zero point.
        read_state: Turns the carried state, less its zero point, into the state that the matrix products and
            the next layer read; None where the two are one.
    """

    input_reset: MatrixProduct
    input_update: MatrixProduct
    input_new: MatrixProduct
    hidden_reset: MatrixProduct
    hidden_update: MatrixProduct
    hidden_new: MatrixProduct
    add_reset: Sum
    add_update: Sum
    sigmoid_reset: Lookup
    sigmoid_update: Lookup
    mul_reset: Product
    add_new: Sum
    tanh_new: Lookup
    complement_update: Sum
    mul_new: Product
    mul_state: Product
    add_state: Sum
    initial_state: int
    read_state: Requantization | None

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return len(self.hidden_new.linear.bias)


@dataclass(frozen=True)
class IntegerGru:
    """Everything a device needs to run one quantized network.

    Attributes:
        widths: Width of every tensor and weight matrix.
        input: Format of the features.
        layers: From input to output.
        classifier: Its accumulators are the logits.
    """

    widths: Widths
    input: Format
    layers: tuple[IntegerGruLayer, ...]
    classifier: Linear

    @property
    def n_classes(self) -> int:
        """Classes of the classifier."""
        return len(self.classifier.bias)
