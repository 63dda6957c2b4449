"""Flash and RAM as the memory model adds them up, against linked images of whole networks."""

from __future__ import annotations

import pytest

pytest.importorskip("ziglang")
pytest.importorskip("elftools")

from pathlib import Path

from kernel_programs import Program, Variant, link
from test_kernels_gru import GATES, N_CLASSES, add_layer, linear_map, networks

from cost_models.kernels import GRU_STATE
from cost_models.kernels.footprint import (
    CELL_BYTES,
    COMPLEMENT_BYTES,
    PRODUCT_BYTES,
    SUM_BYTES,
    classifier_bytes,
    look_up_bytes,
    matrix_product_bytes,
    state_bytes,
    tensor_bytes,
)
from cost_models.packing import packed_matrix_bytes
from evaluators.gru.integer_gru import IntegerGru, IntegerGruLayer, Linear


@pytest.mark.parametrize("index", range(0, 28, 5))
def test_footprints_are_those_of_linked_images(index: int, tmp_path: Path) -> None:
    gru = networks()[index]
    image = link(network_program(gru), tmp_path, Variant("cortex_m4"))
    sections = {section.name: section.n_bytes for section in image.sections}
    assert sections[".rodata"] == flash_bytes(gru)
    assert sections[".bss"] == ram_bytes(gru)


def network_program(gru: IntegerGru) -> Program:
    """A network without data: x is a variable."""
    program = Program()
    read = program.buffer("uint32_t", tensor_bytes(gru.layers[0].input_new.linear.weight.shape[1], 8) // 4)
    for layer in gru.layers:
        cell, state, _ = add_layer(program, layer)
        program.run(f"tp_gru_step({cell}, {read}, {state});")
        read = f"({state})->read"
    linear = gru.classifier
    fields = f".n_inputs = {linear.weight.shape[1]}, .n_classes = {N_CLASSES}"
    classifier = program.struct("tp_classifier", f"{{.matrix = {linear_map(program, linear)}, {fields}}}")
    logits = program.buffer("int32_t", N_CLASSES)
    program.run(f"tp_classify({classifier}, {read}, {logits});")
    return program


def flash_bytes(gru: IntegerGru) -> int:
    cells = sum(layer_bytes(layer) + GRU_STATE.itemsize for layer in gru.layers)
    return cells + classifier_bytes(N_CLASSES) + weight_bytes(gru.classifier)


def layer_bytes(layer: IntegerGruLayer) -> int:
    gates = [getattr(layer, gate).linear for gate in GATES]
    look_ups = (layer.sigmoid_reset, layer.sigmoid_update, layer.tanh_new)
    return (
        CELL_BYTES
        + sum(matrix_product_bytes(len(gate.bias)) + weight_bytes(gate) for gate in gates)
        + sum(look_up_bytes(len(look_up.table).bit_length() - 1) for look_up in look_ups)
        + 4 * SUM_BYTES
        + COMPLEMENT_BYTES
        + 3 * PRODUCT_BYTES
    )


def weight_bytes(linear: Linear) -> int:
    rows, columns = linear.weight.shape
    return packed_matrix_bytes(rows, columns, linear.weight_bits)


def ram_bytes(gru: IntegerGru) -> int:
    n_inputs = gru.layers[0].input_new.linear.weight.shape[1]
    total = tensor_bytes(n_inputs, 8) + 4 * N_CLASSES
    for layer in gru.layers:
        carried_bits = int(layer.add_state.high).bit_length() + 1
        read_bits = carried_bits if layer.read_state is None else int(layer.read_state.high).bit_length() + 1
        total += state_bytes(layer.n_hidden, carried_bits, read_bits)
        if layer.read_state is None:
            # These programs do not share the scratch.
            total += tensor_bytes(layer.n_hidden, 8)
    return total
