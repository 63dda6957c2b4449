"""The parameter structs in Python and in C: the same fields at the same places, and the sizes that the header tells."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ziglang")
pytest.importorskip("unicorn")

from kernel_programs import Program, Variant, link, mcu_cache, run

from cost_models.emulator import CORES, Core, Machine
from cost_models.kernels import HEADERS, STRUCTS, padded


def test_fields_are_where_the_compiler_puts_them(tmp_path: Path) -> None:
    program = Program()
    for name, dtype in STRUCTS.items():
        offsets = leaves(dtype)
        expressions = [f"sizeof({name})", *(f"__builtin_offsetof({name}, {field})" for field in offsets)]
        layout = program.declare("const uint32_t", f"[] = {{{', '.join(expressions)}}}")
        program.expect(name, "uint32_t", layout, [dtype.itemsize, *offsets.values()])
    assert run(program, "m4_dsp", tmp_path) == ""


def leaves(dtype: np.dtype, prefix: str = "", start: int = 0) -> dict[str, int]:
    """Dotted name and offset of every number in a struct."""
    if dtype.names is None:
        return {prefix: start}
    found = {}
    for name in dtype.names:
        inner, offset = dtype.fields[name][:2]
        found |= leaves(inner, f"{prefix}.{name}".lstrip("."), start + offset)
    return found


def test_all_structs_of_parameters_are_known() -> None:
    header = HEADERS[0].read_text()
    on_the_stack = {"tp_vector"}
    assert set(re.findall(r"^} (tp_\w+);", header, re.MULTILINE)) - on_the_stack == set(STRUCTS)


@pytest.mark.parametrize(("name", "n_bytes"), [("tp_requantization", 8), ("tp_sum", 20), ("tp_gru_cell", 276)])
def test_sizes_are_those_in_the_comments(name: str, n_bytes: int) -> None:
    # tp_gru_cell: 4 + 4 + 8 + 6 * 20 + 4 * 20 + 3 * 4 + 12 + 3 * 12 = 276.
    assert STRUCTS[name].itemsize == n_bytes
    header = HEADERS[0].read_text()
    comment = re.search(rf"/\*(?:(?!\*/).)*?(\d+) bytes[^/]*\*/\s*typedef struct {{[^}}]*}} {name};", header, re.DOTALL)
    assert comment is not None
    assert int(comment[1]) == n_bytes


@pytest.mark.parametrize("core", CORES.values(), ids=lambda core: core.name)
def test_dsp_instructions_are_used_where_the_core_has_them(core: Core, tmp_path: Path) -> None:
    program = Program('#include "tp_simd.h"')
    program.expect("TP_DSP", "uint32_t", program.declare("const uint32_t", "[] = {TP_DSP}"), [core.has_dsp])
    machine = Machine(link(program, tmp_path, Variant(core.name)), core, mcu_cache())
    assert machine.call("check").value == 0


def test_tensors_are_padded_to_words() -> None:
    assert [padded(n) for n in range(1, 10)] == [4, 4, 4, 4, 8, 8, 8, 8, 12]
