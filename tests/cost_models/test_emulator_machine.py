"""Calls of functions on the emulated core: arguments, memory, profile, and everything that can go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ziglang")
pytest.importorskip("unicorn")

from kernel_programs import mcu_cache

from cost_models.emulator import CORES, Image, Machine, compile_image
from cost_models.errors import EmulationError, ImageError

C_SOURCE = """
#include <stdint.h>
#define NOINLINE __attribute__((noinline))

int32_t weights[3] = {10, 20, 30};
int16_t history[5];
static const int32_t table[4] = {1, -2, 3, -4};

int32_t six(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}
int32_t total(void) { return weights[0] + weights[1] + weights[2]; }
void remember(int32_t i, int32_t value) { history[i] = (int16_t)value; }
int32_t look_up(uint32_t i) { return table[i]; }

static NOINLINE int32_t leaf(int32_t n) {
    volatile int32_t sum = 0;
    for (int32_t i = 0; i < n; ++i) sum += i;
    return sum;
}
static NOINLINE int32_t twice(int32_t n) { return leaf(n) + leaf(n + 1); }
int32_t nested(int32_t n) { return twice(n) - 1; }

int32_t read_from(const int32_t *address) { return *address; }
static NOINLINE int32_t reader(const int32_t *address) { return *address + 1; }
int32_t read_deeper(const int32_t *address) { return reader(address) + 1; }
void write_to(int32_t *address) { *address = 1; }
int32_t jump_to(int32_t (*function)(void)) { return function() + 1; }
void forever(void) { for (;;) { __asm__ volatile(""); } }
void undefined(void) { __builtin_trap(); }
int32_t recurse(volatile int32_t *n) { volatile int32_t copy = *n; return recurse(&copy) + copy; }
"""
KEPT = [*re.findall(r"^(?:int32_t|void|int16_t) (\w+)[(\[]", C_SOURCE, re.MULTILINE)]


@pytest.fixture(params=["cortex_m0", "cortex_m4", "cortex_m7", "cortex_m33"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return start(request.param, tmp_path)


@pytest.fixture
def m4(tmp_path: Path) -> Machine:
    return start("cortex_m4", tmp_path)


def start(core: str, directory: Path) -> Machine:
    source = directory / "machine.c"
    source.write_text(C_SOURCE)
    flags = ["-O2", "-Wno-infinite-recursion"]
    image = compile_image([source], CORES[core], mcu_cache(), keep=KEPT, flags=flags)
    return Machine(Image.load(image), CORES[core], mcu_cache())


def test_functions_take_arguments_and_return_values(machine: Machine) -> None:
    # 1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 - 6 * 100
    assert machine.call("six", 1, 2, 3, 4, 5, -100).value == -545
    assert machine.call("look_up", 3).value == -4


def test_variables_have_initial_values_and_keep_what_is_written(machine: Machine) -> None:
    assert machine.call("total").value == 60
    machine.write("weights", np.array([1, 2], np.int32))
    assert machine.call("total").value == 33
    machine.call("remember", 3, -7)
    np.testing.assert_array_equal(machine.read("history", np.int16, 5), [0, 0, 0, -7, 0])


def test_placed_data_can_be_read_by_the_code_and_back(machine: Machine) -> None:
    first = machine.place(b"abc")
    second = machine.place(np.array([-5, 6], np.int32))
    assert second % 4 == 0
    assert second >= first + 3
    assert machine.call("read_from", second).value == -5
    np.testing.assert_array_equal(machine.read(second, np.int32, 2), [-5, 6])
    assert bytes(machine.read(first, np.uint8, 3)) == b"abc"


def test_a_profile_is_told_function_by_function(m4: Machine) -> None:
    profile = m4.call("nested", 100).profile
    calls = {function.name: function.calls for function in profile.functions}
    assert calls == {"nested": 1, "twice": 1, "leaf": 2}
    assert profile.functions[0].name == "leaf"
    assert sum(function.cycles for function in profile.functions) == profile.cycles
    assert sum(function.instructions for function in profile.functions) == profile.instructions
    assert m4.call("nested", 100).profile == profile


def test_the_depth_of_the_stack_is_measured(m4: Machine) -> None:
    assert m4.call("total").stack_bytes == 0
    # `nested` and `twice` save a register and the return address, `twice` one more, `leaf` has one variable.
    assert 16 <= m4.call("nested", 3).stack_bytes <= 40


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("read_from", [0x4000_0000], r"Invalid memory read .* in read_from \(pc 0x0800"),
        ("read_deeper", [0x10], r"Invalid memory read .* in reader \(pc .* return address in read_deeper"),
        ("write_to", [0x0800_0000], r"Write to write-protected memory .* in write_to"),
        ("write_to", [0x0800_0000 - 4], r"Invalid memory write .* in write_to"),
        ("jump_to", [0x1001], r"Invalid memory fetch .* in 0x00001000 .* return address in jump_to"),
        ("undefined", [], r"in undefined"),
    ],
)
def test_a_fault_names_the_function(machine: Machine, function: str, arguments: list[int], message: str) -> None:
    with pytest.raises(EmulationError, match=message):
        machine.call(function, *arguments)


def test_after_a_fault_the_machine_still_works(m4: Machine) -> None:
    with pytest.raises(EmulationError):
        m4.call("read_from", 0)
    assert m4.call("total").value == 60


def test_a_runaway_is_stopped(machine: Machine) -> None:
    with pytest.raises(EmulationError, match=r"no return after 5000 instructions, stopped in forever \(pc 0x0800"):
        machine.call("forever", max_instructions=5000)


def test_a_stack_overflow_is_a_fault(m4: Machine) -> None:
    start = m4.place(np.array([1], np.int32))
    with pytest.raises(EmulationError, match=r"Invalid memory write .* in recurse"):
        m4.call("recurse", start)


def test_unknown_names_and_sizes_are_refused(m4: Machine) -> None:
    with pytest.raises(ImageError, match='no symbol "totals"; it has: forever, history, jump_to'):
        m4.call("totals")
    with pytest.raises(ImageError, match="weights has 12 bytes, 16 were to be written"):
        m4.write("weights", np.zeros(4, np.int32))
    with pytest.raises(ImageError, match="9000000 bytes do not fit"):
        m4.place(bytes(9_000_000))
    with pytest.raises(EmulationError, match="4 bytes from 0x00000000 cannot be read"):
        m4.read(0, np.int32, 1)


def test_flash_and_ram_are_those_of_the_sections(m4: Machine) -> None:
    sections = {section.name: section for section in m4.image.sections}
    assert sections[".data"].n_bytes == 12
    assert sections[".bss"].n_bytes == 10
    assert m4.image.ram_bytes == 22
    # The initial values of `weights` are in flash, too; `table` is all there is of constants.
    assert sections[".rodata"].n_bytes == 16
    assert m4.image.flash_bytes == sections[".text"].n_bytes + 16 + 12
