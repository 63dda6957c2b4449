"""The GRU of the kernels against the evaluator's reference: whole networks, all widths, to the bit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from kernel_programs import Program, every_variant, matrix, requantization, run, words_of

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.integer_gru import IntegerGru, IntegerGruLayer, Linear, Lookup, Product, Requantization, Sum
from evaluators.gru.operators import Widths, slot_names, slot_widths
from evaluators.gru.quantization import quantize
from evaluators.gru.reference import infer
from evaluators.gru.weights import GruLayerWeights, GruWeights

N_STEPS = 6
N_CLASSES = 5
GATES = ("input_reset", "input_update", "input_new", "hidden_reset", "hidden_update", "hidden_new")
SHAPES = ((3, 6, 1), (9, 5, 2), (8, 8, 1), (12, 7, 2))
# Inputs, hidden units (of all remainders of the blocks of four) and layers.


@every_variant
def test_networks_are_those_of_the_reference(variant: str, tmp_path: Path) -> None:
    assert run(network_program(), variant, tmp_path) == ""


def test_the_networks_cover_the_extended_genome() -> None:
    layers = [layer for gru in networks() for layer in gru.layers]
    assert {layer.read_state is None for layer in layers} == {True, False}
    assert {layer.add_state.is_wide for layer in layers} == {True, False}
    assert any(layer.read_state is not None and layer.add_state.high <= 127 for layer in layers)
    assert {getattr(layer, gate).linear.weight_bits for layer in layers for gate in GATES} == set(range(2, 9))


@cache
def network_program() -> Program:
    program = Program()
    for index, gru in enumerate(networks()):
        add_network(program, f"network {index}", gru, np.random.default_rng(index))
    return program


@cache
def networks() -> list[IntegerGru]:
    rng = np.random.default_rng(0)
    found = []
    for shape in SHAPES:
        calibrated = random_network(rng, *shape)
        slots = slot_names(shape[2])
        for limit in (8, 16):
            for _ in range(3):
                bits = [int(rng.choice([b for b in slot_widths(slot) if b <= limit])) for slot in slots]
                found.append(quantize(calibrated, Widths(tuple(bits))))
        narrow = Widths(tuple(min(8, max(slot_widths(slot))) for slot in slots))
        found.append(quantize(calibrated, narrow))
    return found


def random_network(rng: np.random.Generator, n_inputs: int, n_hidden: int, n_layers: int) -> CalibratedGru:
    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.7, shape).astype(np.float32)

    layers = tuple(
        GruLayerWeights(
            numbers(3 * n_hidden, n_inputs if index == 0 else n_hidden),
            numbers(3 * n_hidden, n_hidden),
            numbers(3 * n_hidden),
            numbers(3 * n_hidden),
        )
        for index in range(n_layers)
    )
    sequences = Sequences(numbers(20, N_STEPS, n_inputs), np.full(20, N_STEPS), np.zeros(20, np.int64))
    return calibrate(GruWeights(layers, numbers(N_CLASSES, n_hidden), numbers(N_CLASSES)), sequences)


def add_network(program: Program, name: str, gru: IntegerGru, rng: np.random.Generator) -> None:
    n_inputs = gru.layers[0].input_new.linear.weight.shape[1]
    x = rng.integers(gru.input.low, gru.input.high + 1, (N_STEPS, n_inputs)).astype(np.int8)
    states = [add_layer(program, layer) for layer in gru.layers]
    for cell, state, _ in states:
        program.run(f"tp_gru_reset({cell}, {state});")
    for step in x:
        read = program.constants("uint32_t", words_of(step))
        for cell, state, _ in states:
            program.run(f"tp_gru_step({cell}, {read}, {state});")
            read = f"({state})->read"
    logits = program.buffer("int32_t", N_CLASSES)
    linear = gru.classifier
    fields = f".n_inputs = {linear.weight.shape[1]}, .n_classes = {N_CLASSES}"
    classifier = program.struct("tp_classifier", f"{{.matrix = {linear_map(program, linear)}, {fields}}}")
    program.run(f"tp_classify({classifier}, {read}, {logits});")
    expected = infer(gru, x[None], np.array([N_STEPS]))
    program.expect(f"logits of {name}", "int32_t", logits, expected.logits[0])
    for index, ((_, state, c_type), carried) in enumerate(zip(states, expected.states, strict=True)):
        program.expect(f"state {index} of {name}", c_type, f"({state})->carried", carried[0])


def add_layer(program: Program, layer: IntegerGruLayer) -> tuple[str, str, str]:
    """Addresses of the cell and of its state, and the type of the carried state's elements."""
    n_words = -(-layer.n_hidden // 4)
    is_wide = layer.add_state.high > 127
    read, carried = program.buffer("uint32_t", n_words), program.buffer("uint32_t", n_words * (1 + is_wide))
    state = program.struct("tp_gru_state", f"{{.read = {read}, .carried = {carried}}}")
    cell = program.struct("tp_gru_cell", cell_initializer(program, layer, is_wide))
    return cell, state, "int16_t" if is_wide else "int8_t"


def cell_initializer(program: Program, layer: IntegerGruLayer, is_wide: bool) -> str:
    fields = {
        "n_inputs": layer.input_new.linear.weight.shape[1],
        "n_units": layer.n_hidden,
        "has_view": int(layer.read_state is not None),
        "carries_wide": int(is_wide),
        **{
            gate: f"{{.matrix = {linear_map(program, getattr(layer, gate).linear)}, "
            f".output = {output(getattr(layer, gate).output)}}}"
            for gate in GATES
        },
        **{name: sum_(getattr(layer, name)) for name in ("add_reset", "add_update", "add_new", "add_state")},
        **{name: table(program, getattr(layer, name)) for name in ("sigmoid_reset", "sigmoid_update", "tanh_new")},
        **{name: multiplication(getattr(layer, name)) for name in ("mul_reset", "mul_new", "mul_state")},
        "complement_update": complement(layer.complement_update),
    }
    if layer.read_state is not None:
        fields["view"] = output(layer.read_state)
    return "{" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "}"


def linear_map(program: Program, linear: Linear) -> str:
    return matrix(program, linear.weight, linear.weight_bits, linear.bias, linear.input_zero_point)


def output(to: Requantization) -> str:
    return requantization(to.multiplier, to.shift, to.zero_point, width(to.high))


def sum_(s: Sum) -> str:
    return (
        f"{{.multiplier_a = {s.multiplier_a}, .multiplier_b = {s.multiplier_b}, "
        f".constant_low = {s.constant & 0xFFFFFFFF}u, .constant_high = {s.constant >> 32}, "
        f".shift = {s.shift}, .bits = {width(s.high)}, .is_wide = {int(s.is_wide)}}}"
    )


def complement(s: Sum) -> str:
    return f"{{.multiplier = {s.multiplier_a}, .constant = {s.constant}, .shift = {s.shift}, .bits = {width(s.high)}}}"


def multiplication(p: Product) -> str:
    return f"{{.output = {output(p.output)}, .zero_point_a = {p.zero_point_a}, .zero_point_b = {p.zero_point_b}}}"


def table(program: Program, lookup: Lookup) -> str:
    return f"{program.constants('int8_t', lookup.table)} + {len(lookup.table) // 2}"


def width(high: int) -> int:
    return int(high).bit_length() + 1


@pytest.mark.parametrize("variant", ["m4_dsp", "host_portable"])
def test_a_wrong_result_would_be_seen(variant: str, tmp_path: Path) -> None:
    program = Program()
    values = program.constants("int32_t", [1, 2, 3])
    program.expect("right", "int32_t", values, [1, 2, 3])
    program.expect("wrong", "int32_t", values, [1, 2, 4])
    assert run(program, variant, tmp_path) == "wrong"
