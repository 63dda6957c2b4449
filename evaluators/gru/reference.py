"""The integer GRU in plain NumPy, to be read beside docs/integer_gru.md: slow, and what everything else must equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Result:
    """What a batch of sequences leaves behind.

    Attributes:
        logits: int32, shape (n_sequences, n_classes).
        states: The carried state (`add_state`) of each layer after each sequence's own last step, int64,
            shape (n_sequences, hidden).
    """

    logits: NDArray[np.int32]
    states: tuple[Integers, ...]


def quantize_input(x: NDArray[np.float32], input_format: Format) -> NDArray[np.int8]:
    """Features as integers of the input's format."""
    return input_format.quantize(x.astype(np.float64)).astype(np.int8)


def infer(gru: IntegerGru, x: NDArray[np.int8], lengths: NDArray[np.int64]) -> Result:
    """Run sequences through the network.

    Args:
        gru: The network.
        x: Quantized features, shape (n_sequences, n_steps, n_features).
        lengths: Steps of each sequence, shape (n_sequences,).

    Raises:
        ValueError: The sequences do not suit the network, or are longer than the array they are in.
    """
    n_sequences, n_steps, n_features = x.shape
    if n_features != (n_inputs := gru.layers[0].input_new.linear.weight.shape[1]):
        raise ValueError(f"sequences of {n_features} features, network of {n_inputs} inputs")
    if np.any(lengths > n_steps):
        raise ValueError(f"a sequence of {lengths.max()} steps in an array of {n_steps}")
    states = [np.full((n_sequences, layer.n_hidden), layer.initial_state, np.int64) for layer in gru.layers]
    for step in range(n_steps):
        is_running = (step < lengths)[:, None]
        read = x[:, step].astype(np.int64)
        for index, layer in enumerate(gru.layers):
            states[index] = np.where(is_running, _next_state(layer, read, states[index]), states[index])
            read = _as_read(layer, states[index])
    logits = _accumulate(gru.classifier, _as_read(gru.layers[-1], states[-1]))
    return Result(logits.astype(np.int32), tuple(states))


def _next_state(layer: IntegerGruLayer, x: Integers, carried: Integers) -> Integers:
    h = _as_read(layer, carried)
    input_reset = _matrix_product(layer.input_reset, x)
    input_update = _matrix_product(layer.input_update, x)
    input_new = _matrix_product(layer.input_new, x)
    hidden_reset = _matrix_product(layer.hidden_reset, h)
    hidden_update = _matrix_product(layer.hidden_update, h)
    hidden_new = _matrix_product(layer.hidden_new, h)
    reset = _lookup(layer.sigmoid_reset, _sum(layer.add_reset, input_reset, hidden_reset))
    update = _lookup(layer.sigmoid_update, _sum(layer.add_update, input_update, hidden_update))
    gated = _product(layer.mul_reset, reset, hidden_new)
    new = _lookup(layer.tanh_new, _sum(layer.add_new, input_new, gated))
    complement = _sum(layer.complement_update, update, np.zeros_like(update))
    added = _product(layer.mul_new, complement, new)
    kept = _product(layer.mul_state, update, carried)
    return _sum(layer.add_state, added, kept)


def _as_read(layer: IntegerGruLayer, carried: Integers) -> Integers:
    if layer.read_state is None:
        return carried
    return _requantize(layer.read_state, carried - layer.initial_state)


def _accumulate(linear: Linear, x: Integers) -> Integers:
    accumulator: Integers = (x - linear.input_zero_point) @ linear.weight.T.astype(np.int64) + linear.bias
    assert np.abs(accumulator).max(initial=0) < 1 << 31
    return accumulator


def _matrix_product(product: MatrixProduct, x: Integers) -> Integers:
    return _requantize(product.output, _accumulate(product.linear, x))


def _product(product: Product, a: Integers, b: Integers) -> Integers:
    return _requantize(product.output, (a - product.zero_point_a) * (b - product.zero_point_b))


def _requantize(to: Requantization, accumulator: Integers) -> Integers:
    shifted = (accumulator * to.multiplier + (1 << (to.shift - 1))) >> to.shift
    return _clamp(to.zero_point + shifted, to.low, to.high)


def _sum(sum_: Sum, a: Integers, b: Integers) -> Integers:
    total = a * sum_.multiplier_a + b * sum_.multiplier_b + sum_.constant
    assert sum_.is_wide or np.abs(total).max(initial=0) < 1 << 31
    return _clamp(total >> sum_.shift, sum_.low, sum_.high)


def _lookup(lookup: Lookup, q: Integers) -> Integers:
    return lookup.table.astype(np.int64)[q + len(lookup.table) // 2]


def _clamp(values: Integers, low: int, high: int) -> Integers:
    limited: Integers = np.clip(values, low, high)
    return limited
