"""The operator table of a GRU: bytes worked by hand from tp_kernels.h, MACs, buffers."""

from __future__ import annotations

import numpy as np
import pytest
from gru_cases import random_widths

from cost_models import load_target, workload_costs
from cost_models.kernels.footprint import matrix_product_bytes
from evaluators.gru.operators import MATRIX_PRODUCTS, OPERATORS, Widths, gene_names, slot_names, widths_of_genes
from evaluators.gru.workload import GruShape, gru_workload

SHAPE = GruShape(n_features=8, n_hidden=16, n_layers=1, n_classes=10, n_steps=5)


def homogeneous(bits: int, n_layers: int = 1) -> Widths:
    return widths_of_genes("paper", n_layers, dict.fromkeys(gene_names("paper", n_layers), bits))


def widths(n_layers: int = 1, **bits: int) -> Widths:
    """All 8 bits but some slots of the first layer."""
    slots = dict.fromkeys(slot_names(n_layers), 8) | {f"gru0.{name}": b for name, b in bits.items()}
    return Widths(tuple(slots.values()))


def test_bytes_of_a_small_network_worked_by_hand() -> None:
    costs = workload_costs(gru_workload(SHAPE, homogeneous(4)))
    # Three matrices of 16 x 8 and three of 16 x 16 weights of 4 bits; the classifier's 10 x 16 of 8 bits: two blocks of
    # four rows and one of two, in steps of 16 bytes for 4 x 4 or 2 x 8 weights.
    weights = 3 * 16 * 8 // 2 + 3 * 16 * 16 // 2 + (2 * 4 * 16 + 2 * 16)
    # tp_gru_cell 276, its 6 x 16 biases, three tables of 2^4, tp_gru_state 8; tp_classifier 16, its 12 biases.
    constants = 276 + 6 * 16 * 4 + 3 * 16 + 8 + 16 + 12 * 4
    assert costs["model_bytes"] == weights + constants
    # 8 inputs, the state, the next one, 10 logits of 4 bytes.
    assert costs["peak_ram_bytes"] == 8 + 16 + 16 + 40
    assert costs["macs"] == 5 * 3 * 16 * (8 + 16) + 10 * 16
    assert costs["parameters"] == 3 * 16 * (8 + 16) + 6 * 16 + 10 * 16 + 10


def test_a_state_carried_at_another_width_is_stored_twice() -> None:
    narrow, wide = (gru_workload(SHAPE, widths(add_state=bits)) for bits in (7, 12))
    # Input 8, logits 40; the state as read 16, as carried 16 or, above 8 bits, 32. No room for a next one.
    assert workload_costs(narrow)["peak_ram_bytes"] == 8 + 40 + 16 + 16
    assert workload_costs(wide)["peak_ram_bytes"] == 8 + 40 + 16 + 32
    (view,) = (op for op in wide.operators if op.name == "gru0.state")
    assert (view.kind, view.input_bits, view.output_bits, view.executions) == ("requantize", 12, 8, 5)


def test_layers_share_the_room_for_the_next_state() -> None:
    two = GruShape(8, 16, 2, 10, 5)
    assert workload_costs(gru_workload(two, homogeneous(8, 2)))["peak_ram_bytes"] == 8 + 16 + 16 + 16 + 40
    # A layer that does not need it takes a second state instead.
    assert workload_costs(gru_workload(two, widths(2, add_state=6)))["peak_ram_bytes"] == 8 + 32 + 16 + 16 + 40


def test_every_operator_is_there_once_in_the_order_in_which_they_run() -> None:
    names = [op.name for op in gru_workload(SHAPE, homogeneous(8)).operators]
    assert names == [*(f"gru0.{name}" for name in OPERATORS), "classifier"]
    assert [op.executions for op in gru_workload(SHAPE, homogeneous(8)).operators] == [5] * 17 + [1]


def test_padding_of_rows_takes_flash() -> None:
    by_rows = {}
    for n_hidden in (16, 17):
        shape = GruShape(8, n_hidden, 1, 10, 5)
        by_rows[n_hidden] = gru_workload(shape, homogeneous(8)).operators[0]
    assert by_rows[16].constant_bytes == matrix_product_bytes(16) == 20 + 16 * 4
    assert by_rows[17].constant_bytes == 20 + 20 * 4
    # The 17th row is in a block of two rows and eight columns.
    assert (by_rows[16].weight_bytes, by_rows[17].weight_bytes) == (16 * 8, 16 * 8 + 16)


@pytest.mark.parametrize("genome", ["paper", "extended"])
def test_bytes_and_cycles_never_fall_with_the_width_of_weights(genome: str) -> None:
    rng = np.random.default_rng(0)
    (chosen,) = random_widths(rng, "paper" if genome == "paper" else "extended", 2, 1)
    shape = GruShape(13, 24, 2, 7, 3)
    slots = dict(zip(slot_names(2), chosen.bits, strict=True))
    for product in MATRIX_PRODUCTS:
        bytes_by_width = []
        for bits in range(2, 9):
            slots[f"gru1.{product}.weight"] = bits
            bytes_by_width.append(workload_costs(gru_workload(shape, Widths(tuple(slots.values()))))["model_bytes"])
        assert bytes_by_width == sorted(set(bytes_by_width))


def test_the_targets_have_kernels_for_every_width(tmp_path) -> None:
    targets = [load_target(name, tmp_path) for name in ("cortex_m0", "cortex_m4", "cortex_m7", "cortex_m33", "generic")]
    for chosen in random_widths(np.random.default_rng(1), "extended", 2, 20):
        workload = gru_workload(GruShape(13, 24, 2, 7, 3), chosen)
        assert all(workload_costs(workload, target)["cycles"] > 0 for target in targets)


def test_equal_widths_give_the_same_operators() -> None:
    first, second = (gru_workload(SHAPE, homogeneous(5)) for _ in range(2))
    assert all(a is b for a, b in zip(first.operators, second.operators, strict=True))
