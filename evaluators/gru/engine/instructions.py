"""What a kernel is made of beyond plain vector arithmetic; each set of instructions is a module of its own.

A *row* is one feature or one unit of all sequences that run side by side, a byte q + 128 for each. An *operand* is
what matrix products read: rows in groups, four bytes a lane and group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.formats import Integers
from evaluators.machine_code.vectors import Pointer, Value

OPERAND_BYTES = 4
"""Of an operand, for each group and lane; of weights, for each row and group; of biases, for each row."""


class Instructions(Protocol):
    """How matrix products, rows and look-up tables are done."""

    def __hash__(self) -> int:
        """Equal objects make equal kernels."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def features(self) -> tuple[str, ...]:
        """What the processor must have, by LLVM's names."""

    @property
    def lanes(self) -> int:
        """Sequences that run side by side."""

    @property
    def group(self) -> int:
        """Rows that make a group of an operand."""

    @property
    def row_order(self) -> Integers:
        """Which lane each byte of a row belongs to, shape (lanes,)."""

    def pack_weights(self, weights: NDArray[np.int8]) -> NDArray[np.generic]:
        """Weights (rows, columns) in groups of columns, zeros where the last group is not full."""

    def pack_biases(self, biases: Integers) -> NDArray[np.generic]:
        """Biases, limited to what the packed form can hold."""

    def dot_products(
        self, operand: Pointer, n_groups: Value, weights: Sequence[Pointer], biases: Sequence[Pointer]
    ) -> list[Value]:
        """bias + sum of weight * operand for each of some rows of weights: floats, exact below 2**24."""

    def pack_operand(self, rows: Pointer, n_groups: Value, operand: Pointer) -> None:
        """Make an operand of rows."""

    def table_index(self, q: Value, low: Value, high: Value) -> Value:
        """int32 numbers, limited to [low, high], as bytes q."""

    def look_up(self, table: Pointer, index: Value) -> Value:
        """The entry of a table of 256 bytes for each byte, taken without its sign."""

    def widen(self, entries: Value) -> Value:
        """Bytes without a sign as floats MAGIC + byte."""

    def store_row(self, q: Value, row: Pointer) -> None:
        """Store int32 numbers from -128 to 127 as a row."""
