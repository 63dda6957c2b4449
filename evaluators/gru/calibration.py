"""Formats of all tensors and weights of a float GRU, at every width, from the values that it produces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.formats import Floats, Format, Function, tensor_format, weight_format
from evaluators.gru.operators import WIDE_BITS, layer_prefix, slot_kind, slot_names, slot_widths
from evaluators.gru.weights import GruLayerWeights, GruWeights

_SAMPLES = 8192
_GATES = ("reset", "update", "new")
_LAYER_ARRAYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


TABLE_FUNCTIONS: Mapping[str, Function] = {
    "sigmoid_reset": sigmoid,
    "sigmoid_update": sigmoid,
    "tanh_new": np.tanh,
}
"""What each look-up table tabulates."""

_READ_THROUGH: Mapping[str, Function] = {"add_reset": sigmoid, "add_update": sigmoid, "add_new": np.tanh}


@dataclass(frozen=True)
class CalibratedGru:
    """A float GRU and the formats of its tensors and weights at every width that they may have.

    Attributes:
        weights: The float network.
        scales, zero_points: Slot name -> one number for each width from 0 to 16, float64 and int64; NaN and 0
            where the slot cannot have that width.
    """

    weights: GruWeights
    scales: Mapping[str, NDArray[np.float64]]
    zero_points: Mapping[str, NDArray[np.int64]]

    @property
    def n_layers(self) -> int:
        """GRU layers."""
        return len(self.weights.layers)

    def format(self, slot: str, bits: int) -> Format:
        """The format of a tensor or weight matrix at a width."""
        return Format(bits, float(self.scales[slot][bits]), int(self.zero_points[slot][bits]))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything as named arrays, for a safetensors file."""
        arrays: dict[str, NDArray[np.generic]] = {
            f"layers.{index}.{name}": getattr(layer, name)
            for index, layer in enumerate(self.weights.layers)
            for name in _LAYER_ARRAYS
        }
        arrays["classifier.weight"] = self.weights.classifier_weight
        arrays["classifier.bias"] = self.weights.classifier_bias
        arrays |= {f"scale.{slot}": values for slot, values in self.scales.items()}
        arrays |= {f"zero_point.{slot}": values for slot, values in self.zero_points.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> CalibratedGru:
        """The inverse of `to_arrays`.

        Raises:
            KeyError: An array is missing.
        """
        n_layers = sum(name.endswith(".weight_ih") for name in arrays)
        layers = tuple(
            GruLayerWeights(*(arrays[f"layers.{index}.{name}"].astype(np.float32) for name in _LAYER_ARRAYS))
            for index in range(n_layers)
        )
        weights = GruWeights(
            layers,
            arrays["classifier.weight"].astype(np.float32),
            arrays["classifier.bias"].astype(np.float32),
        )
        slots = slot_names(n_layers)
        return cls(
            weights,
            {slot: arrays[f"scale.{slot}"].astype(np.float64) for slot in slots},
            {slot: arrays[f"zero_point.{slot}"].astype(np.int64) for slot in slots},
        )


def calibrate(weights: GruWeights, sequences: Sequences) -> CalibratedGru:
    """Choose scale and zero point of every tensor and weight matrix at every width.

    Runs the float network once and looks at up to 8192 values of each tensor, evenly spaced over sequences,
    steps and units; steps after a sequence's end do not count.

    Raises:
        ValueError: There are no sequences, or a value is not finite.
    """
    if len(sequences) == 0:
        raise ValueError("calibration needs at least one sequence")
    samples = _sample_tensors(weights, sequences)
    maps = linear_maps(weights)
    scales, zero_points = {}, {}
    for slot in slot_names(len(weights.layers)):
        scales[slot] = np.full(WIDE_BITS + 1, np.nan)
        zero_points[slot] = np.zeros(WIDE_BITS + 1, np.int64)
        for bits in slot_widths(slot):
            if slot_kind(slot) == "weight":
                chosen = weight_format(maps[slot][0], bits)
            else:
                chosen = samples[_sampled_slot(slot)].format(bits, _READ_THROUGH.get(slot.partition(".")[2]))
            scales[slot][bits], zero_points[slot][bits] = chosen.scale, chosen.zero_point
    return CalibratedGru(weights, scales, zero_points)


def linear_maps(weights: GruWeights) -> dict[str, tuple[Floats, Floats]]:
    """Matrix and bias, float64, of each set of weights that is quantized on its own; by slot name."""
    maps = {
        f"{layer_prefix(index)}{side}_{gate}.weight": (matrix.astype(np.float64), part.astype(np.float64))
        for index, layer in enumerate(weights.layers)
        for side, stacked, bias in (
            ("input", layer.weight_ih, layer.bias_ih),
            ("hidden", layer.weight_hh, layer.bias_hh),
        )
        for gate, matrix, part in zip(_GATES, np.split(stacked, 3), np.split(bias, 3), strict=True)
    }
    maps["classifier"] = (
        weights.classifier_weight.astype(np.float64),
        weights.classifier_bias.astype(np.float64),
    )
    return maps


def _sampled_slot(slot: str) -> str:
    """The state as it is read holds the same values as the state as it is carried."""
    return slot.removesuffix("state") + "add_state" if slot.endswith(".state") else slot


class _Samples:
    """Every n-th value of a tensor and the extremes of all of them."""

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self._skip = 0
        self._parts: list[Floats] = []
        self._low = self._high = 0.0

    def add(self, values: Floats) -> None:
        flat = values.ravel()
        self._parts.append(flat[self._skip :: self._stride])
        self._skip = (self._skip - flat.size) % self._stride
        self._low = min(self._low, float(flat.min()))
        self._high = max(self._high, float(flat.max()))

    def format(self, bits: int, read_through: Function | None) -> Format:
        return tensor_format(np.concatenate(self._parts), bits, self._low, self._high, read_through)


def _sample_tensors(weights: GruWeights, sequences: Sequences) -> dict[str, _Samples]:
    """A sample of each tensor over all steps that belong to a sequence."""
    n_vectors = int(sequences.lengths.sum())
    samples: dict[str, _Samples] = {}
    for tensors in _float_steps(weights, sequences):
        for slot, values in tensors.items():
            if not np.isfinite(values).all():
                raise ValueError(f"calibration: {slot} takes values that are not finite")
            if slot not in samples:
                samples[slot] = _Samples(_stride(n_vectors, values.shape[1]))
            samples[slot].add(values)
    return samples


def _stride(n_vectors: int, n_units: int) -> int:
    """The least stride that samples at most `_SAMPLES` values and visits all units in turn."""
    stride = math.ceil(n_vectors * n_units / _SAMPLES)
    while math.gcd(stride, n_units) > 1:
        stride += 1
    return stride


def _float_steps(weights: GruWeights, sequences: Sequences) -> Iterator[dict[str, Floats]]:
    """Values of all tensors, step by step, of those sequences that have not ended: (n_sequences, n_units)."""
    longest_first = np.argsort(-sequences.lengths, kind="stable")
    lengths = sequences.lengths[longest_first]
    x = sequences.x[longest_first]
    states = [np.zeros((len(lengths), layer.n_hidden)) for layer in weights.layers]
    for step in range(int(lengths[0])):
        n_running = int(np.searchsorted(-lengths, -step))
        read = x[:n_running, step].astype(np.float64)
        tensors = {"input": read}
        for index, layer in enumerate(weights.layers):
            cell = _float_cell(layer, read, states[index][:n_running])
            tensors |= {layer_prefix(index) + name: values for name, values in cell.items()}
            read = states[index][:n_running] = cell["add_state"]
        yield tensors


def _float_cell(layer: GruLayerWeights, x: Floats, h: Floats) -> dict[str, Floats]:
    """One step of one layer: the value of every tensor."""
    t: dict[str, Floats] = {}
    for side, read, weight, bias in (
        ("input", x, layer.weight_ih, layer.bias_ih),
        ("hidden", h, layer.weight_hh, layer.bias_hh),
    ):
        products = read @ weight.T.astype(np.float64) + bias.astype(np.float64)
        for gate, values in zip(_GATES, np.split(products, 3, axis=1), strict=True):
            t[f"{side}_{gate}.output"] = values
    t["add_reset"] = t["input_reset.output"] + t["hidden_reset.output"]
    t["add_update"] = t["input_update.output"] + t["hidden_update.output"]
    t["sigmoid_reset"] = sigmoid(t["add_reset"])
    t["sigmoid_update"] = sigmoid(t["add_update"])
    t["mul_reset"] = t["sigmoid_reset"] * t["hidden_new.output"]
    t["add_new"] = t["input_new.output"] + t["mul_reset"]
    t["tanh_new"] = np.tanh(t["add_new"])
    t["complement_update"] = 1.0 - t["sigmoid_update"]
    t["mul_new"] = t["complement_update"] * t["tanh_new"]
    t["mul_state"] = t["sigmoid_update"] * h
    t["add_state"] = t["mul_new"] + t["mul_state"]
    return t
