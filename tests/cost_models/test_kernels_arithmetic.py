"""Requantization, sums, complements, products and tables of the kernels against docs/integer_gru.md, to the bit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from kernel_programs import Program, every_variant, requantization, run

N = 64
# The numbers of a case; a multiple of the kernels' block of four.

INT32 = np.iinfo(np.int32)


@every_variant
def test_arithmetic_is_that_of_the_page(variant: str, tmp_path: Path) -> None:
    assert run(arithmetic_program(), variant, tmp_path) == ""


@cache
def arithmetic_program() -> Program:
    program = Program('#include "kernel_probe.h"')
    rng = np.random.default_rng(0)
    add_requantization_by_hand(program)
    for shift in range(1, 56):
        add_requantization(program, rng, shift)
    for shift in range(1, 29):
        add_narrow_sum(program, rng, shift)
        add_complement(program, rng, shift)
    for shift in range(1, 41):
        add_wide_sum(program, rng, shift)
    for bits in range(2, 17):
        add_product(program, rng, bits)
    for bits in range(2, 9):
        add_look_up(program, rng, bits)
    return program


def add_requantization_by_hand(program: Program) -> None:
    # M * 2**-S = 8388609 / 2**24, a little more than 1/2: 0.5 -> 1, -0.5 -> -1, 1.5 -> 2, -1.5 -> -2; plus 3.
    parameters = program.struct("tp_requantization", requantization(8388609, 24, 3, 8))
    output = block_operation(program, "requantize", [1, -1, 3, -3], parameters)
    program.expect("a requantization by hand", "int16_t", output, [4, 2, 5, 1])


def add_requantization(program: Program, rng: np.random.Generator, shift: int) -> None:
    multiplier = int(rng.integers(1 << 22, 1 << 23)) * 2 + 1
    bits = int(rng.integers(2, 17))
    zero_point = int(rng.integers(*range_of(bits)))
    # Some of every magnitude, and those that land around the limits of the output.
    limits = rng.integers(-(1 << bits), 1 << bits, N // 2) * 2.0**shift / multiplier
    acc = np.concatenate([magnitudes(rng, N // 2 - 4), [INT32.min, INT32.max, 0, -1], limits])
    acc = np.clip(np.rint(acc), INT32.min, INT32.max).astype(np.int64)
    expected = clamp(zero_point + ((acc * multiplier + (1 << (shift - 1))) >> shift), bits)
    parameters = program.struct("tp_requantization", requantization(multiplier, shift, zero_point, bits))
    output = block_operation(program, "requantize", acc, parameters)
    program.expect(f"requantization by {multiplier} >> {shift} to {bits} bits", "int16_t", output, expected)


def add_narrow_sum(program: Program, rng: np.random.Generator, shift: int) -> None:
    m_a, m_b = rng.integers(-(1 << 21) + 1, 1 << 21, 2)
    constant = rng.integers(-(1 << 30) + 1, 1 << 30)
    add_sum(program, rng, tuple(map(int, (m_a, m_b, constant, shift))), in_bits=8, out_bits=int(rng.integers(2, 9)))


def add_wide_sum(program: Program, rng: np.random.Generator, shift: int) -> None:
    m_a, m_b = rng.integers(-(1 << 24) + 1, 1 << 24, 2)
    constant = rng.choice([-1, 1]) * int(2 ** rng.uniform(0, 60))
    add_sum(program, rng, tuple(map(int, (m_a, m_b, constant, shift))), in_bits=16, out_bits=int(rng.integers(2, 17)))


def add_sum(
    program: Program, rng: np.random.Generator, constants: tuple[int, int, int, int], in_bits: int, out_bits: int
) -> None:
    m_a, m_b, constant, shift = constants
    a, b = tensor(rng, in_bits), tensor(rng, in_bits)
    parameters = (
        f"{{.multiplier_a = {m_a}, .multiplier_b = {m_b}, .constant_low = {constant & 0xFFFFFFFF}u, "
        f".constant_high = {constant >> 32}, .shift = {shift}, .bits = {out_bits}, .is_wide = {int(in_bits > 8)}}}"
    )
    output = quad_operation(program, "add", [a, b], program.struct("tp_sum", parameters))
    expected = clamp((a * m_a + b * m_b + constant) >> shift, out_bits)
    program.expect(f"sum {constants} to {out_bits} bits", "int16_t", output, expected)


def add_complement(program: Program, rng: np.random.Generator, shift: int) -> None:
    multiplier, bits = int(rng.integers(-(1 << 21) + 1, 1 << 21)), int(rng.integers(2, 9))
    constant = int(rng.integers(-(1 << 30) + 1, 1 << 30))
    a = tensor(rng, 8)
    parameters = f"{{.multiplier = {multiplier}, .constant = {constant}, .shift = {shift}, .bits = {bits}}}"
    output = quad_operation(program, "one_minus", [a], program.struct("tp_complement", parameters))
    expected = clamp((a * multiplier + constant) >> shift, bits)
    program.expect(f"complement {multiplier}, {constant} >> {shift} to {bits} bits", "int16_t", output, expected)


def add_product(program: Program, rng: np.random.Generator, bits: int) -> None:
    a, b = tensor(rng, 8), tensor(rng, bits)
    zero_a, zero_b, zero_out = (int(rng.integers(*range_of(width))) for width in (8, bits, bits))
    multiplier, shift = int(rng.integers(1 << 22, 1 << 23)) * 2 + 1, int(rng.integers(22, 34))
    parameters = (
        f"{{.output = {requantization(multiplier, shift, zero_out, bits)}, "
        f".zero_point_a = {zero_a}, .zero_point_b = {zero_b}}}"
    )
    output = quad_operation(program, "multiply", [a, b], program.struct("tp_product", parameters))
    product = (a - zero_a) * (b - zero_b)
    expected = clamp(zero_out + ((product * multiplier + (1 << (shift - 1))) >> shift), bits)
    program.expect(f"product of 8 and {bits} bits", "int16_t", output, expected)


def add_look_up(program: Program, rng: np.random.Generator, bits: int) -> None:
    table = rng.integers(-128, 128, 1 << bits)
    q = tensor(rng, bits)
    pointer = f"{program.constants('int8_t', table)} + {len(table) // 2}"
    output = quad_operation(program, "look_up", [q], pointer)
    program.expect(f"table of {bits} bits", "int16_t", output, table[q + len(table) // 2])


def block_operation(program: Program, function: str, values: np.ndarray | list[int], parameters: str) -> str:
    """Apply a function of accumulators; returns the name of the results."""
    return operation(program, function, [program.constants("int32_t", values)], len(values), parameters)


def quad_operation(program: Program, function: str, operands: list[np.ndarray], parameters: str) -> str:
    """Apply a function of 16-bit numbers; returns the name of the results."""
    return operation(program, function, [halfwords(program, operand) for operand in operands], N, parameters)


def operation(program: Program, function: str, operands: list[str], n: int, parameters: str) -> str:
    output = program.buffer("uint32_t", n // 2)
    program.run(f"{function}({', '.join((*operands, parameters, str(n), output))});")
    return output


def halfwords(program: Program, values: np.ndarray) -> str:
    return program.constants("uint32_t", values.astype("<i2").view("<u4"))


def tensor(rng: np.random.Generator, bits: int) -> np.ndarray:
    """Numbers of a width, its limits among them."""
    low, end = range_of(bits)
    return np.concatenate([[low, end - 1, low, end - 1], rng.integers(low, end, N - 4)]).astype(np.int64)


def magnitudes(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice([-1, 1], n) * 2 ** rng.uniform(0, 31, n)


def range_of(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), 1 << (bits - 1)


def clamp(values: np.ndarray, bits: int) -> np.ndarray:
    low, end = range_of(bits)
    return np.clip(values, low, end - 1)
