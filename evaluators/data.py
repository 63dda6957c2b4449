"""Sequences with labels, split once and for all into train, calibration, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "calibration", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "calibration", "validation", "test")


@dataclass(frozen=True)
class Sequences:
    """Labelled sequences, padded at the end to one length.

    Attributes:
        x: Features, float32, shape (n_sequences, n_steps, n_features); zeros after a sequence's end.
        lengths: Steps of each sequence, int64, shape (n_sequences,), from 1 to n_steps.
        labels: Class of each sequence, int64, shape (n_sequences,).
    """

    x: NDArray[np.float32]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, n: int) -> Sequences:
        """The first `n` sequences."""
        return Sequences(self.x[:n], self.lengths[:n], self.labels[:n])


@dataclass(frozen=True)
class ClassificationData:
    """A classification task: four disjoint splits (calibration may be a part of train).

    Attributes:
        splits: The sequences of each split, features scaled by statistics of the train split only.
        class_names: Name of each class, in the order of the labels.
        description: One line for people: what it is and how it was split.
    """

    splits: Mapping[Split, Sequences]
    class_names: tuple[str, ...]
    description: str

    @property
    def n_features(self) -> int:
        """Features per step."""
        return int(self.splits["train"].x.shape[2])

    @property
    def n_steps(self) -> int:
        """Steps of the longest sequence of any split."""
        return max(int(part.x.shape[1]) for part in self.splits.values())
