"""Sequences as the kernel reads them: quantized, and as many side by side as the vectors have lanes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.layout import BATCH, BYTE_OFFSET
from evaluators.gru.formats import Format, Integers
from evaluators.machine_code.memory import aligned_zeros


@dataclass(frozen=True)
class Batch:
    """Sequences in blocks of `lanes`, longest first, so that those of a block end at nearly the same step.

    Attributes:
        x: Rows of bytes q + 128, shape (n_blocks, max_steps, n_features, lanes), features in whole groups.
        lengths: int32, shape (n_blocks, lanes); 0 where a lane holds no sequence.
        n_steps: Steps of each block's longest sequence, shape (n_blocks,).
        n_sequences: Sequences of each block, shape (n_blocks,).
        order: Which sequence each lane holds, shape (n_blocks, lanes).
        n_groups: Groups of features.
    """

    x: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    n_steps: Integers
    n_sequences: Integers
    order: Integers
    n_groups: int

    @property
    def n_blocks(self) -> int:
        """Blocks of sequences."""
        return len(self.n_steps)

    @cached_property
    def record(self) -> NDArray[np.void]:
        """The record `BATCH`, valid for as long as this object lives."""
        record = np.zeros(1, BATCH)
        record["n_blocks"], record["max_steps"], record["n_groups"] = self.n_blocks, self.x.shape[1], self.n_groups
        for field in ("x", "lengths", "n_steps", "n_sequences", "order"):
            record[field] = getattr(self, field).ctypes.data
        return record


def pack(sequences: Sequences, input_format: Format, instructions: Instructions) -> Batch:
    """Quantize sequences and put them side by side.

    Raises:
        ValueError: A sequence is longer than the array it is in.
    """
    n, n_steps, n_features = sequences.x.shape
    if np.any(sequences.lengths > n_steps):
        raise ValueError(f"a sequence of {sequences.lengths.max()} steps in an array of {n_steps}")
    lanes, group = instructions.lanes, instructions.group
    n_blocks, n_groups = -(-n // lanes), -(-n_features // group)
    order = np.zeros((n_blocks, lanes), np.int64)
    order.ravel()[:n] = np.argsort(-sequences.lengths, kind="stable")
    lengths = np.zeros((n_blocks, lanes), np.int32)
    lengths.ravel()[:n] = sequences.lengths[order.ravel()[:n]]
    x = aligned_zeros((n_blocks, n_steps, n_groups * group, lanes), np.uint8)
    for block in range(n_blocks):
        rows = sequences.x[order[block, instructions.row_order]].transpose(1, 2, 0)
        x[block, :, :n_features] = input_format.quantize(rows.astype(np.float64)) + BYTE_OFFSET
    n_sequences = np.minimum(n - lanes * np.arange(n_blocks), lanes)
    return Batch(x, lengths, lengths.max(axis=1, initial=0).astype(np.int64), n_sequences, order, n_groups)
