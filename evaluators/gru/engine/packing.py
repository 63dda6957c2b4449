"""How weights and biases are packed, where sets of instructions agree on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.formats import Integers


def grouped_columns(weights: NDArray[np.int8], group: int) -> NDArray[np.int8]:
    """Weights with as many columns of zeros added as make the groups whole."""
    rows, columns = weights.shape
    padded = np.zeros((rows, -(-columns // group) * group), np.int8)
    padded[:, :columns] = weights
    return padded


def int32_limited(biases: Integers) -> NDArray[np.int32]:
    """Biases as int32. Candidates whose biases do not fit are refused by the bound on their accumulators."""
    limits = np.iinfo(np.int32)
    return np.clip(biases, limits.min, limits.max).astype(np.int32)
