"""How many 8-bit multiply-accumulates a second one core does at best, and how that was found."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from evaluators.gru.engine.avx512 import Avx512Vnni
from evaluators.machine_code.jit import MachineCode, processor_features
from evaluators.machine_code.vectors import I32, I64, POINTER, Pointer, Value, Variable, intrinsic, loop, new_function

_ACCUMULATORS = 12
_PASSES = 200_000
_MACS_PER_INSTRUCTION = 64
_MATRIX = 512


def int8_peak() -> tuple[float, str]:
    """GMAC/s of one core, and what was run: dot products in registers, or PyTorch's int8 matrix product."""
    if processor_features().issuperset(Avx512Vnni.features):
        return _vnni_peak(), "vpdpbusd on 12 registers"
    return _matrix_product_peak(), "torch._int_mm"


def _vnni_peak() -> float:
    function, builder = new_function("peak", I64, POINTER)
    count, memory = Value(builder, function.args[0]), Pointer(builder, function.args[1])
    operand = memory.load(I32, 16)
    sums = [Variable(operand) for _ in range(_ACCUMULATORS)]
    with loop(count):
        for total in sums:
            dot = intrinsic("llvm.x86.avx512.vpdpbusd.512", operand.type, total.value, operand, operand)
            total.value = dot
    for index, total in enumerate(sums):
        (memory + 64 * index).store(total.value)
    builder.ret_void()
    code = MachineCode(function)
    numbers = np.ones((_ACCUMULATORS, 16), np.int32)
    macs = _PASSES * _ACCUMULATORS * _MACS_PER_INSTRUCTION
    return macs / _fastest(lambda: code(_PASSES, numbers.ctypes.data)) / 1e9


def _matrix_product_peak() -> float:
    matrix = torch.ones((_MATRIX, _MATRIX), dtype=torch.int8)
    return _MATRIX**3 / _fastest(lambda: torch._int_mm(matrix, matrix)) / 1e9


def _fastest(run: Callable[[], object], repeats: int = 20) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
