"""Targets as files: the shipped ones, users' own, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cost_models import Operator, load_target, shipped_targets, target_names
from cost_models.target import TARGETS, Target, read_target
from spaces import UserError

NAMES = [
    "cortex_m0",
    "cortex_m33",
    "cortex_m33_cmsis_nn",
    "cortex_m4",
    "cortex_m4_cmsis_nn",
    "cortex_m7",
    "generic",
    "nucleo_l4r5zi",
]

BOARD = """\
name: my_board
description: a board
core: cortex_m4
clock_hz: 80_000_000
kernel_library: mine
compiler: gcc 13
compiler_flags: -O2
weights: flash
k_core: {value: 1.1, source: measured}
k_mem: {value: 2, source: measured}
overhead_cycles: {value: 100, source: measured}
validated: false
validation: not yet
error_band: {low: -0.1, high: 0.2, source: a guess}
kernels:
  - {kinds: [a], cycles: {calls: 10}, source: guess}
  - {kinds: [b], weight_bits: 4, activation_bits: 8, cycles: {macs: 3}, source: guess}
  - {kinds: [b], weight_bits: 8, activation_bits: 8, cycles: {macs: 2}, source: guess}
  - {kinds: [b], weight_bits: 8, activation_bits: 16, cycles: {macs: 4}, source: guess}
"""


def written(folder: Path, text: str = BOARD) -> Path:
    path = folder / "board.yaml"
    path.write_text(text)
    return path


def told(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        read_target(written(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def product(weight_bits: int = 8, bits: int = 8, kind: str = "b", output_bits: int | None = None) -> Operator:
    return Operator(
        "x", kind, macs=1, weight_count=1, weight_bits=weight_bits, input_bits=bits, output_bits=output_bits or bits
    )


def test_the_shipped_targets() -> None:
    assert target_names() == NAMES
    assert [target.name for target in shipped_targets()] == NAMES
    assert len({target.fingerprint for target in shipped_targets()}) == len(NAMES)
    assert {target.name for target in shipped_targets() if target.facts.validated} == {
        *("cortex_m4_cmsis_nn", "cortex_m33_cmsis_nn"),  # against published measurements
        *("cortex_m4", "cortex_m0"),  # against emulation
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_target_costs_every_operator_of_a_gru(name: str) -> None:
    target = load_target(name, Path())
    for weight_bits in range(1, 9):
        for bits in (4, 8, 16):
            for kind in ("matrix_vector", "fully_connected"):
                assert target.kernel(product(weight_bits, bits, kind)).cycles
    for kind in ("sum", "product", "lookup", "requantize"):
        for bits in (8, 16):
            assert target.kernel(Operator("x", kind, input_bits=bits)).cycles


@pytest.mark.parametrize("name", ["cortex_m0", "cortex_m4", "cortex_m7", "cortex_m33"])
def test_our_kernels_have_a_row_for_every_width(name: str) -> None:
    target = load_target(name, Path())
    assert [target.kernel(product(bits, 8, "matrix_vector")).weight_bits for bits in range(1, 9)] == [*range(1, 9)]


def test_fewer_bits_are_looked_up_not_scaled() -> None:
    target = load_target("cortex_m4_cmsis_nn", Path())
    of_4, of_8 = (target.kernel(product(bits, 8, "fully_connected")).cycles for bits in (4, 8))
    assert of_4["macs"] > 2 * of_8["macs"]


def test_the_narrowest_kernel_that_takes_an_operator_computes_it(tmp_path: Path) -> None:
    target = read_target(written(tmp_path))

    def macs(op: Operator) -> float:
        return target.kernel(op).cycles["macs"]

    assert [macs(product(bits)) for bits in (1, 4, 5, 8)] == [3, 3, 2, 2]
    assert macs(product(4, 16)) == 4
    assert macs(product(8, 8, output_bits=16)) == 4
    assert macs(product(8, 8, output_bits=32)) == 2  # accumulators, stored as they are
    # Without weights their bits say nothing.
    assert target.kernel(Operator("x", "a", weight_bits=32)).cycles == {"calls": 10}


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (
            product(9),
            'target "my_board" has no b kernel for 9-bit weights and 8-bit activations (operator "x")\n'
            "    Allowed: at most 4/8, 8/8, 8/16 bits.",
        ),
        (
            product(kind="bb"),
            'target "my_board" has no bb kernel (operator "x")\n    Allowed: a, b. Did you mean "b"?',
        ),
        (
            Operator("x", "a", input_bits=64),
            'target "my_board" has no a kernel for 0-bit weights and 64-bit activations (operator "x")\n'
            "    Allowed: at most 0/32 bits.",
        ),
        (
            product(kind="lstm"),
            'target "my_board" has no lstm kernel (operator "x")\n    Allowed: a, b; or a target that has one: '
            "cortex_m33, cortex_m33_cmsis_nn, cortex_m4, cortex_m4_cmsis_nn, cortex_m7, nucleo_l4r5zi.",
        ),
    ],
)
def test_an_operator_without_a_kernel_is_told(tmp_path: Path, op: Operator, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_target(written(tmp_path)).kernel(op)
    assert str(caught.value) == message


def test_kernels_of_another_target_serve_where_there_are_none_of_its_own(tmp_path: Path) -> None:
    target = read_target(written(tmp_path, "based_on: cortex_m4_cmsis_nn\n" + BOARD.replace("[a]", "[conv2d]")))
    assert target.kernel(Operator("x", "conv2d")).cycles == {"calls": 10}
    assert "matrix_vector" not in {kind for kernel in target.facts.kernels or () for kind in kernel.kinds}
    shipped = load_target("cortex_m4_cmsis_nn", Path())
    assert target.kernel(product(kind="matrix_vector")) == shipped.kernel(product(kind="matrix_vector"))


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        (
            "kernel_library",
            "kernel_libary",
            ["board.yaml:5  kernel_libary: unknown key", 'mean "kernel_library"'],
        ),
        (
            "k_mem: {value: 2, source: measured}\n",
            "",
            ["board.yaml:1  k_mem: is missing\n    Allowed: cycles that"],
        ),
        ("{value: 2, source: measured}", "2", ["board.yaml:10  k_mem: 2 is not possible"]),
        ("{value: 2, source: measured}", "{value: 2}", ["board.yaml:10  k_mem.source: is missing"]),
        ("value: 1.1", "value: -1", ["board.yaml:9  k_core.value: -1 is not possible"]),
        ("clock_hz: 80_000_000", "clock_hz: 80", ["board.yaml:4  clock_hz: 80 is not possible"]),
        ("weights: flash", "weights: rom", ['board.yaml:8  weights: "rom" is not known\n    Allowed: flash, ram.']),
        ("low: -0.1", "low: 0.1", ["board.yaml:14  error_band.low: 0.1 is not possible"]),
        ("{calls: 10}", "{}", ["board.yaml:16  kernels[0].cycles: {} is not possible"]),
        ("{calls: 10}", "{call: 10}", ['board.yaml:16  kernels[0].cycles.call: "call" is not known', '"calls"']),
        (
            "{macs: 3}",
            "{outputs: 3}",
            ["board.yaml:17  kernels[1]: a kernel with weights needs a coefficient"],
        ),
        ("{macs: 3}", "{macs: -3}", ["board.yaml:17  kernels[1]: cycles.macs is negative"]),
        ("kernels:", "based_on: cortex_m5\nkernels:", ['board.yaml:15  based_on: unknown target "cortex_m5"']),
        (BOARD[BOARD.index("kernels:") :], "", ["board.yaml:1  a target needs kernels, or based_on"]),
        (BOARD, "- 1", ["board.yaml:1  a target is a mapping from keys to values, not a list"]),
    ],
)
def test_every_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, messages: list[str]) -> None:
    assert old in BOARD
    message = told(tmp_path, BOARD.replace(old, new))
    for expected in messages:
        assert expected in message


def test_names_and_paths(tmp_path: Path) -> None:
    written(tmp_path)
    assert load_target("board.yaml", tmp_path).name == "my_board"
    assert load_target("./board.yaml", tmp_path).name == "my_board"
    assert load_target("cortex_m4", tmp_path) is load_target("cortex_m4", Path())
    with pytest.raises(UserError, match=r'unknown target "cortex-m4"\n    Allowed: cortex_m0, .*, or a path ./FILE'):
        load_target("cortex-m4", tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        load_target("./other.yaml", tmp_path)


def test_the_fingerprint_follows_what_decides_a_cost(tmp_path: Path) -> None:
    def fingerprint(text: str) -> str:
        return read_target(written(tmp_path, text)).fingerprint

    assert fingerprint(BOARD) == fingerprint(BOARD)
    for old, new in (("value: 1.1", "value: 1.2"), ("calls: 10", "calls: 11"), ("weights: flash", "weights: ram")):
        assert fingerprint(BOARD) != fingerprint(BOARD.replace(old, new))
    for old, new in (("a board", "the board"), ("source: guess", "source: a guess"), ("not yet", "soon")):
        assert fingerprint(BOARD) == fingerprint(BOARD.replace(old, new))


@pytest.mark.parametrize("path", sorted(TARGETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_file_names_are_target_names(path: Path) -> None:
    target = read_target(path)
    assert isinstance(target, Target)
    assert target.name == path.stem
