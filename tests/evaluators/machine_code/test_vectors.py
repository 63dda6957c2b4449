from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluators.machine_code.jit import MachineCode
from evaluators.machine_code.memory import aligned, aligned_zeros
from evaluators.machine_code.rounding import MAGIC, MAGIC_BITS
from evaluators.machine_code.vectors import (
    F32,
    I8,
    I16,
    I32,
    I64,
    POINTER,
    Pointer,
    Value,
    Variable,
    intrinsic,
    joined,
    loop,
    new_function,
    stack,
)

A = np.array([-7, -1, 0, 1, 5, 2**31 - 1, -(2**31), 100], np.int32)
B = np.array([3, -2, 9, 1, -5, 1, -1, 7], np.int32)


def _run(expression: Callable[[Value, Value], Value], a: NDArray, b: NDArray, result: NDArray) -> NDArray:
    """Evaluate an expression of two vectors of eight int32 in machine code."""
    function, builder = new_function("expression", POINTER, POINTER, POINTER)
    place_a, place_b, place_result = (Pointer(builder, argument) for argument in function.args)
    place_result.store(expression(place_a.load(I32, 8), place_b.load(I32, 8)))
    builder.ret_void()
    MachineCode(function)(a.ctypes.data, b.ctypes.data, result.ctypes.data)
    return result


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda a, b: a + b, lambda a, b: a + b),
        (lambda a, b: a - b, lambda a, b: a - b),
        (lambda a, b: a * b, lambda a, b: a * b),
        (lambda a, b: a ^ b, lambda a, b: a ^ b),
        (lambda a, b: a >> 2, lambda a, b: a >> 2),
        (lambda a, b: a << 3, lambda a, b: a << 3),
        (lambda a, b: a.clamp(-3, b), lambda a, b: np.minimum(np.maximum(a, -3), b)),
        (lambda a, b: a.where(a > b, b), np.maximum),
        (lambda a, b: a.where(a < b, b), np.minimum),
        (lambda a, b: a.to(I8).to(I32), lambda a, b: a.astype(np.int8).astype(np.int32)),
        (lambda a, b: a.to(I16).unsigned_to(I32), lambda a, b: a.astype(np.uint16).astype(np.int32)),
        (lambda a, b: b.to(F32).to(I32), lambda a, b: b),
        (lambda a, b: (b.to(F32) * 0.5).to(I32), lambda a, b: np.trunc(b * 0.5).astype(np.int32)),
        (lambda a, b: b.to(F32).fma(2.0, 1.0).to(I32), lambda a, b: 2 * b + 1),
        (lambda a, b: (b.to(F32) / 2.0 * 4.0).to(I32), lambda a, b: 2 * b),
        (lambda a, b: b.to(F32).multiply_add(2.0, 1.0).to(I32), lambda a, b: 2 * b + 1),
        (lambda a, b: b.filled(5), lambda a, b: np.full_like(b, 5)),
        (
            lambda a, b: b.to(F32).where(b.to(F32) < 0.5, b.to(F32) * 2.0).to(I32),
            lambda a, b: np.where(b < 0.5, b, 2 * b),
        ),
        (lambda a, b: joined(a.split(2)[::-1]), lambda a, b: a.reshape(4, 2)[::-1].ravel()),
        (lambda a, b: a.bits_as(I8).bits_as(I32), lambda a, b: a),
    ],
)
def test_expressions_do_what_numpy_does(
    expression: Callable[[Value, Value], Value], expected: Callable[[NDArray, NDArray], NDArray]
) -> None:
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(_run(expression, A, B, np.zeros(8, np.int32)), expected(A, B))


def test_adding_magic_rounds_to_the_low_bits() -> None:
    rounded = _run(lambda a, b: b.to(F32).fma(0.3, MAGIC).bits_as(I32), A, B, np.zeros(8, np.int32))
    np.testing.assert_array_equal(rounded - MAGIC_BITS, np.rint(B * 0.3))


def test_a_scalar_stands_for_all_lanes_and_constants_widen() -> None:
    result = _run(lambda a, b: b.to(I64) * (1 << 40), A, B, np.zeros(8, np.int64))
    np.testing.assert_array_equal(result, B.astype(np.int64) << 40)


def test_loops_variables_and_the_stack() -> None:
    """Fibonacci numbers, by way of memory: as many as asked for, none for a count of zero."""
    function, builder = new_function("fibonacci", I64, POINTER)
    count, out = Value(builder, function.args[0]), Pointer(builder, function.args[1])
    last = Variable(count - count)
    spare = stack(builder, 8)
    spare.store(count - count + 1)
    with loop(count) as index:
        following = last.value + spare.load(I64)
        last.value = spare.load(I64)
        spare.store(following)
        (out + index * 8).store(last.value)
    builder.ret_void()
    code = MachineCode(function)
    for n in (0, 1, 10):
        numbers = np.zeros(10, np.int64)
        code(n, numbers.ctypes.data)
        assert numbers.tolist() == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55][:n] + [0] * (10 - n)


def test_an_instruction_that_llvm_does_not_know_is_an_error() -> None:
    function, builder = new_function("unknown", POINTER)
    place = Pointer(builder, function.args[0])
    place.store(intrinsic("llvm.x86.avx9000.frobnicate", I32, place.load(I32)))
    builder.ret_void()
    with pytest.raises(RuntimeError):
        MachineCode(function)


def test_arrays_begin_on_a_cache_line() -> None:
    for shape in ((3,), (5, 7), (1, 2, 3)):
        zeros = aligned_zeros(shape, np.int16)
        assert zeros.ctypes.data % 64 == 0
        assert zeros.shape == shape
        assert not zeros.any()
    copy = aligned(np.arange(6).reshape(2, 3).T)
    assert copy.flags.c_contiguous
    assert copy.tolist() == [[0, 3], [1, 4], [2, 5]]
