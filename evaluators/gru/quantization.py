"""From a calibrated float GRU and a width for every tensor to the integers that a device needs."""

from __future__ import annotations

import numpy as np

from evaluators.gru.calibration import TABLE_FUNCTIONS, CalibratedGru, linear_maps
from evaluators.gru.constants import (
    QuantizationError,
    complement_constants,
    lookup_table,
    product_bias,
    requantization,
    sum_constants,
)
from evaluators.gru.formats import Format, Integers
from evaluators.gru.integer_gru import (
    IntegerGru,
    IntegerGruLayer,
    Linear,
    Lookup,
    MatrixProduct,
    Product,
    Requantization,
    Sum,
)
from evaluators.gru.operators import NARROW_BITS, Widths, layer_prefix

__all__ = ["IntegerGru", "QuantizationError", "quantize"]


def quantize(calibrated: CalibratedGru, widths: Widths) -> IntegerGru:
    """Quantize a network at the given widths.

    Raises:
        QuantizationError: The calibrated formats cannot be expressed by the integer arithmetic; names the operator.
        ValueError: `widths` is for another number of layers.
    """
    if widths.n_layers != calibrated.n_layers:
        raise ValueError(f"widths for {widths.n_layers} layers, network of {calibrated.n_layers}")
    quantizer = _Quantizer(calibrated, widths)
    read = "input"
    layers = []
    for index in range(widths.n_layers):
        layers.append(quantizer.layer(layer_prefix(index), read))
        read = layer_prefix(index) + "state"
    classifier = quantizer.linear("classifier", read)
    return IntegerGru(widths, quantizer.format("input"), tuple(layers), classifier)


class _Quantizer:
    """Builds operators from the names of what they read and write."""

    def __init__(self, calibrated: CalibratedGru, widths: Widths) -> None:
        self._calibrated = calibrated
        self._widths = widths
        self._linear_maps = linear_maps(calibrated.weights)

    def format(self, slot: str) -> Format:
        return self._calibrated.format(slot, self._widths[slot])

    def layer(self, layer: str, read: str) -> IntegerGruLayer:
        def matrix_product(name: str, read: str) -> MatrixProduct:
            return self._matrix_product(layer + name, read)

        def sum_of(a: str, b: str, out: str) -> Sum:
            return self._sum(layer + a, layer + b, layer + out)

        def product(a: str, b: str, out: str) -> Product:
            return self._product(layer + a, layer + b, layer + out)

        def lookup(name: str, read: str) -> Lookup:
            table = lookup_table(TABLE_FUNCTIONS[name], self.format(layer + read), self.format(layer + name))
            return Lookup(table)

        state = layer + "state"
        return IntegerGruLayer(
            input_reset=matrix_product("input_reset", read),
            input_update=matrix_product("input_update", read),
            input_new=matrix_product("input_new", read),
            hidden_reset=matrix_product("hidden_reset", state),
            hidden_update=matrix_product("hidden_update", state),
            hidden_new=matrix_product("hidden_new", state),
            add_reset=sum_of("input_reset.output", "hidden_reset.output", "add_reset"),
            add_update=sum_of("input_update.output", "hidden_update.output", "add_update"),
            sigmoid_reset=lookup("sigmoid_reset", "add_reset"),
            sigmoid_update=lookup("sigmoid_update", "add_update"),
            mul_reset=product("sigmoid_reset", "hidden_new.output", "mul_reset"),
            add_new=sum_of("input_new.output", "mul_reset", "add_new"),
            tanh_new=lookup("tanh_new", "add_new"),
            complement_update=self._complement(layer + "sigmoid_update", layer + "complement_update"),
            mul_new=product("complement_update", "tanh_new", "mul_new"),
            mul_state=product("sigmoid_update", "add_state", "mul_state"),
            add_state=sum_of("mul_new", "mul_state", "add_state"),
            initial_state=self.format(layer + "add_state").zero_point,
            read_state=self._read_state(layer),
        )

    def linear(self, weight: str, read: str) -> Linear:
        matrix, bias = self._linear_maps[weight]
        weight_format, read_format = self.format(weight), self.format(read)
        integers = weight_format.quantize(matrix)
        integer_bias = product_bias(bias, weight_format.scale, read_format.scale)
        largest = max(read_format.high - read_format.zero_point, read_format.zero_point - read_format.low)
        bound = np.abs(integers).sum(axis=1) * largest + np.abs(integer_bias.astype(np.int64))
        if bound.max() >= 1 << 31:
            raise QuantizationError(f"{weight}: an accumulator can exceed 32 bits")
        return Linear(integers.astype(np.int8), weight_format.bits, integer_bias, read_format.zero_point)

    def _matrix_product(self, name: str, read: str) -> MatrixProduct:
        weight = name + ".weight"
        product_scale = self.format(weight).scale * self.format(read).scale
        return MatrixProduct(self.linear(weight, read), self._requantization(product_scale, name + ".output"))

    def _product(self, a: str, b: str, out: str) -> Product:
        a_format, b_format = self.format(a), self.format(b)
        output = self._requantization(a_format.scale * b_format.scale, out)
        return Product(a_format.zero_point, b_format.zero_point, output)

    def _read_state(self, layer: str) -> Requantization | None:
        carried, read = layer + "add_state", layer + "state"
        if self._widths[carried] == self._widths[read]:
            return None
        return self._requantization(self.format(carried).scale, read)

    def _requantization(self, scale: float, out: str) -> Requantization:
        """From accumulators in units of `scale` to the tensor `out`."""
        out_format = self.format(out)
        try:
            multiplier, shift = requantization(np.array([scale / out_format.scale]))
        except QuantizationError as error:
            raise QuantizationError(f"{out}: {error}") from error
        return Requantization(int(multiplier[0]), int(shift[0]), out_format.zero_point, out_format.low, out_format.high)

    def _sum(self, a: str, b: str, out: str) -> Sum:
        a_format, b_format, out_format = self.format(a), self.format(b), self.format(out)
        is_wide = max(a_format.bits, b_format.bits, out_format.bits) > NARROW_BITS
        try:
            m_a, m_b, k, shift = sum_constants(
                np.array([a_format.scale / out_format.scale]),
                np.array([b_format.scale / out_format.scale]),
                (_array(a_format.zero_point), _array(b_format.zero_point), _array(out_format.zero_point)),
                _array(out_format.bits),
                np.array([is_wide]),
            )
        except QuantizationError as error:
            raise QuantizationError(f"{out}: {error}") from error
        return Sum(int(m_a[0]), int(m_b[0]), int(k[0]), int(shift[0]), out_format.low, out_format.high, is_wide)

    def _complement(self, a: str, out: str) -> Sum:
        out_format = self.format(out)
        try:
            multiplier, constant, shift = complement_constants(self.format(a), out_format)
        except QuantizationError as error:
            raise QuantizationError(f"{out}: {error}") from error
        return Sum(multiplier, 0, constant, shift, out_format.low, out_format.high)


def _array(number: int) -> Integers:
    return np.array([number], np.int64)
