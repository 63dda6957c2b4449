"""Our kernels' rows of a target: which coefficients they have, which of these they share, and the rows made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cost_models.kernels.meter import GruShape
from cost_models.packing import MAX_BITS
from cost_models.target import FitError, Kernel
from cost_models.terms import BLOCK, TERMS, Term
from cost_models.workload import Operator

Coefficient = tuple[Term, str | int]
"""A term, and what it belongs to: a width of weights, or a name. What kernels have in common is one coefficient."""

WIDTHS = range(1, MAX_BITS + 1)
WIDE_BITS = 16
N_PRODUCTS, N_GATE_OPERATORS = 6, 11
"""Matrix products and other operators of a GRU cell."""
N_REQUANTIZED = 9
"""Operators whose output is requantized: the matrix products, and three of the gates."""


def step_operators(shape: GruShape) -> Iterator[Operator]:
    """The operators of one step of a GRU cell."""
    n, large = shape.n_units, shape.large_ratios
    for index, bits in enumerate(shape.weight_bits):
        columns = shape.n_inputs if index < N_PRODUCTS // 2 else n
        yield product_operator("matrix_vector", n, columns, bits, large[index])
    for is_wide in shape.wide_sums:
        yield _gate_operator("sum", n, WIDE_BITS if is_wide else MAX_BITS)
    for kind in ("sum", "lookup", "lookup", "lookup"):
        yield _gate_operator(kind, n, MAX_BITS)
    for is_large in large[N_PRODUCTS:]:
        yield _gate_operator("product", n, MAX_BITS, is_large)
    if shape.has_view:
        yield _gate_operator("requantize", n, WIDE_BITS if shape.carries_wide else MAX_BITS, shape.large_view_ratio)


def product_operator(kind: str, rows: int, columns: int, weight_bits: int, has_large_ratio: bool = False) -> Operator:
    """A matrix-vector product."""
    return Operator(
        f"{kind} {rows} x {columns}",
        kind,
        macs=rows * columns,
        weight_count=rows * columns,
        weight_bits=weight_bits,
        output_elements=rows,
        shape={"rows": rows, "columns": columns, "has_large_ratio": int(has_large_ratio)},
    )


def amounts(operators: Sequence[Operator]) -> dict[Coefficient, float]:
    """How often each coefficient counts in the cycles of these operators."""
    found: dict[Coefficient, float] = {}
    for op in operators:
        for coefficient in _coefficients(op):
            found[coefficient] = found.get(coefficient, 0.0) + TERMS[coefficient[0]](op)
    return found


def kernel_rows(values: Mapping[Coefficient, float], held_out: FitError, source: str) -> Iterator[Kernel]:
    """The rows that have these coefficients."""

    def row(kinds: list[str], cycles: dict[Term, float], weight_bits: int = 0, bits: int = WIDE_BITS) -> Kernel:
        rounded = {term: float(f"{value:.4g}") for term, value in cycles.items() if value}
        return Kernel(
            kinds=kinds,
            weight_bits=weight_bits,
            activation_bits=bits,
            cycles=rounded,
            held_out_error=held_out,
            source=source,
        )

    shifted: dict[Term, float] = {"shifted_blocks": values["shifted_blocks", "all"]}
    for bits in WIDTHS:
        inner: dict[Term, float] = {"tiles": values["tiles", bits], "blocks": values["blocks", bits], **shifted}
        for kind in ("matrix_vector", "fully_connected"):
            yield row([kind], {**inner, "inputs": values["inputs", kind], "calls": values["calls", kind]}, bits)
        yield row(["gru"], _whole_gru(values, bits), bits)
    gate, wide = values["blocks", "gate"], values["blocks", "wide sum"]
    yield row(["sum"], {"blocks": gate}, bits=MAX_BITS)
    yield row(["sum"], {"blocks": wide})
    yield row(["lookup"], {"blocks": gate})
    yield row(["product"], {"blocks": gate, **shifted})
    view: dict[Term, float] = {"blocks": values["blocks", "requantize"], "calls": values["calls", "requantize"]}
    yield row(["requantize"], {**view, **shifted})


def _whole_gru(values: Mapping[Coefficient, float], bits: int) -> dict[Term, float]:
    """A layer given as one operator: as its parts, whole tiles and blocks taken for granted."""
    products_of_a_call = N_PRODUCTS / 2
    return {
        "macs": values["tiles", bits] / BLOCK**2,
        "outputs": values["blocks", bits] / BLOCK,
        "inputs": products_of_a_call * values["inputs", "matrix_vector"],
        "calls": products_of_a_call * values["calls", "matrix_vector"],
        "units": N_GATE_OPERATORS * values["blocks", "gate"] / BLOCK,
    }


def _coefficients(op: Operator) -> Sequence[Coefficient]:
    """Products share inner loops and requantization, whoever calls them; the gates' operators are one pass."""
    match op.kind:
        case "matrix_vector" | "fully_connected":
            own: Sequence[Coefficient] = (("inputs", op.kind), ("calls", op.kind))
            return ("tiles", op.weight_bits), ("blocks", op.weight_bits), ("shifted_blocks", "all"), *own
        case "requantize":
            return ("blocks", op.kind), ("calls", op.kind), ("shifted_blocks", "all")
        case "sum" if op.output_bits > MAX_BITS:
            return (("blocks", "wide sum"),)
        case "product":
            return ("blocks", "gate"), ("shifted_blocks", "all")
        case _:
            return (("blocks", "gate"),)


def _gate_operator(kind: str, n: int, bits: int, has_large_ratio: bool = False) -> Operator:
    shape = {"elements": n, "has_large_ratio": int(has_large_ratio)}
    return Operator(kind, kind, output_elements=n, output_bits=bits, shape=shape)
