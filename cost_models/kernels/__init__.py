"""The C kernels that export ships and that emulation measures, and their parameter structs."""

from cost_models.kernels.sources import HEADERS, KERNEL_DIRECTORY, SOURCES, kernel_symbol
from cost_models.kernels.structs import (
    CLASSIFIER,
    COMPLEMENT,
    DENSE_LAYER,
    GRU_CELL,
    GRU_STATE,
    MATRIX,
    MATRIX_PRODUCT,
    PRODUCT,
    REQUANTIZATION,
    STRUCTS,
    SUM,
    padded,
)

__all__ = [
    "CLASSIFIER",
    "COMPLEMENT",
    "DENSE_LAYER",
    "GRU_CELL",
    "GRU_STATE",
    "HEADERS",
    "KERNEL_DIRECTORY",
    "MATRIX",
    "MATRIX_PRODUCT",
    "PRODUCT",
    "REQUANTIZATION",
    "SOURCES",
    "STRUCTS",
    "SUM",
    "kernel_symbol",
    "padded",
]
