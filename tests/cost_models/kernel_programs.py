"""Test programs for the kernels: C with data, calls and expected results, for emulated cores and for the host."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cost_models.emulator import CORES, Image, Machine, compile_image, is_available
from cost_models.kernels import KERNEL_DIRECTORY, SOURCES, kernel_symbol, padded
from cost_models.packing import fold_zero_point, pack_matrix

_TESTS = Path(__file__).parent
_ADDRESS_AND_UNDEFINED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True)
class Variant:
    """What kernels are compiled for: an emulated core, or the host with the sanitizers of its compiler."""

    core: str
    flags: tuple[str, ...] = ()
    traps: bool = False


_VARIANTS: Mapping[str, Variant] = {
    "m4_dsp": Variant("cortex_m4"),
    "m4_dsp_with_traps": Variant("cortex_m4", traps=True),
    "m0_portable": Variant("cortex_m0"),
    "host_portable": Variant("host"),
    "host_dsp": Variant("host", (f"-I{_TESTS / 'dsp_on_host'}", "-D__ARM_FEATURE_DSP=1")),
    "m4_portable": Variant("cortex_m4", ("-DTP_PORTABLE",)),
    "m7_dsp": Variant("cortex_m7"),
    "m33_dsp": Variant("cortex_m33"),
}

_FAST = 4

every_variant = pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=[pytest.mark.slow] * (index >= _FAST)) for index, name in enumerate(_VARIANTS)],
)
"""Runs a test on every core, in both versions, and under the sanitizers; the less telling ones if slow tests run."""


@dataclass
class Program:
    """C that returns 0 if all its expectations are met, else the number of the first that is not, from 1.

    Attributes:
        includes: What the first line of the C is.
    """

    includes: str = '#include "tp_kernels.h"'
    declarations: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    expectations: list[str] = field(default_factory=list)

    def constants(self, c_type: str, values: np.ndarray | Sequence[int]) -> str:
        """An array in flash; returns its name."""
        text = ", ".join(_literal(int(value)) for value in np.ravel(values))
        return self.declare(f"const {c_type}", f"[] = {{{text}}}")

    def buffer(self, c_type: str, n_elements: int) -> str:
        """An array in RAM; returns its name."""
        return self.declare(c_type, f"[{n_elements}]")

    def struct(self, c_type: str, initializer: str) -> str:
        """A struct in flash; returns the expression of its address."""
        return "&" + self.declare(f"const {c_type}", f" = {initializer}")

    def declare(self, c_type: str, rest: str) -> str:
        name = f"d{len(self.declarations)}"
        self.declarations.append(f"static {c_type} {name}{rest};")
        return name

    def run(self, statement: str) -> None:
        """Add a statement."""
        self.statements.append(statement)

    def expect(self, what: str, c_type: str, actual: str, values: np.ndarray | Sequence[int]) -> None:
        """Compare the first elements of an array with what they should be."""
        self.expectations.append(what)
        assert len(self.expectations) < 256, "more than an exit status can tell"
        expected = self.constants(c_type, values)
        condition = f"DIFFERS(({c_type} const *)({actual}), {expected})"
        self.run(f"if ({condition}) return {len(self.expectations)};")

    def source(self) -> str:
        """The program, with a `check` for emulated cores and a `main` for the host."""
        return "\n".join(
            (
                self.includes,
                '#include "kernel_check.h"',
                *self.declarations,
                "int32_t check(void);",
                "int32_t check(void) {",
                *(f"    {statement}" for statement in self.statements),
                "    return 0;",
                "}",
                "#ifdef ON_HOST",
                "int main(void) { return check(); }",
                "#endif",
                "",
            )
        )

    def failed(self, result: int) -> str:
        """What `check` returned, in words; empty if all is well."""
        return self.expectations[result - 1] if result else ""


def run(program: Program, variant: str, directory: Path) -> str:
    """Compile and run; returns the first failed expectation. Skips what this machine cannot do."""
    chosen = _VARIANTS[variant]
    if chosen.core == "host":
        return program.failed(_run_on_host(program, directory, chosen.flags))
    if not is_available():
        pytest.skip("needs the extra mcu")
    machine = Machine(link(program, directory, chosen), CORES[chosen.core], mcu_cache())
    return program.failed(machine.call("check").value)


def mcu_cache() -> Path:
    """Where the session's compiled images are."""
    return Path(os.environ["TINYPARETO_CACHE"]) / "mcu"


def link(program: Program, directory: Path, variant: Variant) -> Image:
    """The program with the kernels that it needs."""
    source = directory / "program.c"
    source.write_text(program.source())
    image = compile_image(
        [source, *SOURCES],
        CORES[variant.core],
        mcu_cache(),
        keep=["check"],
        include_directories=[KERNEL_DIRECTORY, _TESTS],
        flags=["-O2", *variant.flags],
        traps_undefined_behaviour=variant.traps,
    )
    return Image.load(image)


def _run_on_host(program: Program, directory: Path, flags: tuple[str, ...]) -> int:
    source, executable = directory / "program.c", directory / "program"
    source.write_text(program.source())
    _gcc([source, *_host_kernels(flags)], executable, flags)
    result = subprocess.run([str(executable)], capture_output=True, text=True, check=False)
    assert not result.stderr, result.stderr
    return result.returncode


@cache
def _host_kernels(flags: tuple[str, ...]) -> list[Path]:
    """The kernels' objects; they take longer to compile than any program."""
    directory = Path(tempfile.mkdtemp(dir=os.environ["TINYPARETO_CACHE"]))
    objects = [directory / source.with_suffix(".o").name for source in SOURCES]
    for source, output in zip(SOURCES, objects, strict=True):
        _gcc([source], output, ("-c", *flags))
    return objects


def _gcc(sources: Sequence[Path], output: Path, flags: Sequence[str]) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc with its sanitizers")
    includes = (f"-I{KERNEL_DIRECTORY}", f"-I{_TESTS}")
    options = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-DON_HOST", *_ADDRESS_AND_UNDEFINED)
    subprocess.run([compiler, *options, *includes, *flags, *map(str, sources), "-o", str(output)], check=True)


def requantization(multiplier: int, shift: int, zero_point: int, bits: int) -> str:
    """Initializer of a tp_requantization."""
    return f"{{.multiplier = {multiplier}, .shift = {shift}, .bits = {bits}, .zero_point = {zero_point}}}"


def matrix(program: Program, weights: np.ndarray, bits: int, bias: np.ndarray, zero_point: int) -> str:
    """Initializer of a tp_matrix."""
    words = program.constants("uint32_t", pack_matrix(weights, bits))
    biases = program.constants("int32_t", fold_zero_point(weights, bias, zero_point))
    return f"{{.kernel = {kernel_symbol(bits)}, .weights = {words}, .bias = {biases}}}"


def words_of(values: np.ndarray, padding: int = 0x55) -> np.ndarray:
    """A tensor of at most 8 bits as the kernels read it; what the padding holds should not matter."""
    content = np.full(padded(len(values)), padding, np.int8)
    content[: len(values)] = values
    return content.view("<u4")


def _literal(value: int) -> str:
    # The smallest 32-bit number has no literal of its own type.
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value) + ("u" if value >= 1 << 31 else "")
