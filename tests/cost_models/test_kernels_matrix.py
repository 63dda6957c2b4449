"""Classifier, dense layer and largest logit of the kernels against NumPy, for every width of the weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from kernel_programs import Program, every_variant, matrix, requantization, run, words_of

from cost_models.packing import MAX_COLUMNS

SHAPES = [(1, 1), (2, 4), (3, 5), (4, 8), (5, 9), (6, 13), (7, 16), (8, 12), (9, 23), (10, 33)]
# All numbers of rows and columns that blocks, steps and groups can leave over.


@every_variant
def test_matrix_products_are_those_of_numpy(variant: str, tmp_path: Path) -> None:
    assert run(matrix_program(), variant, tmp_path) == ""


@cache
def matrix_program() -> Program:
    program = Program()
    rng = np.random.default_rng(0)
    for bits in range(1, 9):
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        for rows, columns in SHAPES:
            weights = rng.integers(low, high + 1, (rows, columns))
            add_classifier(program, weights, bits, rng.integers(-128, 128, columns), int(rng.integers(-128, 128)))
        add_dense_layer(program, rng, bits)
        # The largest sums there can be, of either sign in either row of a pair.
        signs = np.array([[low], [high], [high], [low], [low], [low]])
        for x in (-128, 127):
            extreme = np.broadcast_to(signs, (6, MAX_COLUMNS))
            add_classifier(program, extreme, bits, np.full(MAX_COLUMNS, x), zero_point=127 if x < 0 else -128)
    add_argmax(program)
    return program


def add_classifier(program: Program, weights: np.ndarray, bits: int, x: np.ndarray, zero_point: int) -> None:
    rows, columns = weights.shape
    bias = np.arange(rows) * 1000 - 1500
    fields = f".matrix = {matrix(program, weights, bits, bias, zero_point)}, .n_inputs = {columns}, .n_classes = {rows}"
    classifier = program.struct("tp_classifier", f"{{{fields}}}")
    logits = program.buffer("int32_t", rows)
    program.run(f"tp_classify({classifier}, {program.constants('uint32_t', words_of(x))}, {logits});")
    program.expect(f"{rows} x {columns} weights of {bits} bits", "int32_t", logits, weights @ (x - zero_point) + bias)


def add_dense_layer(program: Program, rng: np.random.Generator, weight_bits: int) -> None:
    rows, columns, multiplier, shift, bits = 6, 20, 12345679, 24 + weight_bits, 7
    limit = 1 << (weight_bits - 1)
    weights, bias = rng.integers(-limit, limit, (rows, columns)), rng.integers(-999, 999, rows)
    x, zero_point = rng.integers(-128, 128, columns), 11
    product = f"{{.matrix = {matrix(program, weights, weight_bits, bias, zero_point)}, "
    product += f".output = {requantization(multiplier, shift, -5, bits)}}}"
    layer = program.struct("tp_dense_layer", f"{{.product = {product}, .n_inputs = {columns}, .n_outputs = {rows}}}")
    output = program.buffer("uint32_t", 2)
    program.run(f"tp_dense({layer}, {program.constants('uint32_t', words_of(x))}, {output});")
    acc = weights @ (x - zero_point) + bias
    expected = np.clip(((acc * multiplier + (1 << (shift - 1))) >> shift) - 5, -64, 63)
    program.expect(f"dense layer with weights of {weight_bits} bits", "int8_t", output, expected)


def add_argmax(program: Program) -> None:
    for values, index in ([3], 0), ([1, 2, 2, 0], 1), ([-5, -7, -5], 0), ([-(1 << 31), (1 << 31) - 1], 1):
        result = program.buffer("uint32_t", 1)
        program.run(f"{result}[0] = tp_argmax({program.constants('int32_t', values)}, {len(values)});")
        program.expect(f"largest of {values}", "uint32_t", result, [index])
