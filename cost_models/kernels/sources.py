"""Where the C kernels are."""

from __future__ import annotations

from pathlib import Path

KERNEL_DIRECTORY = Path(__file__).parent

SOURCES = tuple(KERNEL_DIRECTORY / name for name in ("tp_rows.c", "tp_wide.c", "tp_gru.c", "tp_dense.c"))
"""What is compiled."""

HEADERS = tuple(
    KERNEL_DIRECTORY / name for name in ("tp_kernels.h", "tp_arithmetic.h", "tp_unpack.h", "tp_simd.h", "tp_compiler.h")
)
"""What the sources include; a program that uses the kernels includes the first alone."""


def kernel_symbol(weight_bits: int) -> str:
    """The C function that multiplies rows of weights of this width, 1 to 8."""
    return f"tp_rows_w{weight_bits}"
