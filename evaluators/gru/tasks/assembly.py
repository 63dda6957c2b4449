"""Turns raw sequences and a choice of splits into a classification task: checked, scaled, ready to use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluators.data import SPLITS, ClassificationData, Sequences, Split
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.splitting import Indices, stratified_order
from evaluators.storage import HASH_LENGTH

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
Scaling = Literal["each_feature", "all_features"]
N_CALIBRATION = 256
"""Sequences of the train split that ranges of integers are chosen from, at most."""


@dataclass(frozen=True)
class Raw:
    """All sequences of a task as they were read; see `Sequences` for the shapes.

    Attributes:
        x: Features, not scaled; what comes after a sequence's end does not matter.
        lengths: Steps of each sequence.
        labels: Class of each sequence.
    """

    x: NDArray[np.float32] | NDArray[np.uint8]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]


def pad(sequences: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> Raw:
    """Put sequences of different lengths into one array.

    Args:
        sequences: Each of shape (its steps, n_features), at least one step.
        labels: Class of each sequence.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    x = np.zeros((len(sequences), int(lengths.max()), sequences[0].shape[1]), dtype=np.float32)
    for padded, sequence in zip(x, sequences, strict=True):
        padded[: len(sequence)] = sequence
    return Raw(x, lengths, labels)


def assemble(
    raw: Raw,
    parts: Mapping[Part, Indices],
    class_names: Sequence[str],
    description: str,
    *,
    scaling: Scaling,
    seed: int,
) -> ClassificationData:
    """Make a task of raw sequences; every split comes in stratified order, so any beginning of it is a fair sample.

    Args:
        raw: All sequences.
        parts: The sequences of each split.
        class_names: In the order of the labels.
        description: One line for people; the sizes of the splits are added.
        scaling: `each_feature` gives each feature mean 0 and standard deviation 1 on the train split;
            `all_features` does so for all together, which keeps their proportions (pixels).
        seed: Chooses the order within splits.

    Raises:
        DataError: If a split is empty, or a class is missing in train or validation.
    """
    _check_classes(raw.labels, parts, class_names)
    ordered = {part: indices[stratified_order(raw.labels[indices], seed)] for part, indices in parts.items()}
    mean, deviation = _statistics(raw, ordered["train"], scaling)
    splits: dict[Split, Sequences] = {part: _scaled(raw, ordered[part], mean, deviation) for part in PARTS}
    splits["calibration"] = splits["train"].head(N_CALIBRATION)
    sizes = " / ".join(f"{len(splits[part]):,}" for part in PARTS)
    return ClassificationData(splits, tuple(class_names), f"{description}; train / validation / test: {sizes}")


def fingerprint(data: ClassificationData) -> str:
    """Identity of a task's content, for caches: changes with any value, label, length, order or class name."""
    digest = hashlib.sha256(repr(data.class_names).encode())
    for split in SPLITS:
        part = data.splits[split]
        for array in (part.x, part.lengths, part.labels):
            digest.update(f"{split} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:HASH_LENGTH]


def _check_classes(labels: NDArray[np.int64], parts: Mapping[Part, Indices], class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise DataError(f"only one class, {class_names[0]!r}", expected="at least two")
    total = np.bincount(labels, minlength=len(class_names))
    for part in PARTS:
        counts = np.bincount(labels[parts[part]], minlength=len(class_names))
        if not counts.any():
            raise DataError(f"the {part} split is empty", advice="Give more data or a larger share to it")
        if part == "test":  # A test set made by others may lack a class; that does no harm.
            continue
        missing = int(counts.argmin())
        if counts[missing] == 0:
            raise DataError(
                f"class {class_names[missing]!r} has {total[missing]} examples, none of them in the {part} split",
                expected="every class in train and validation",
                advice="Give more examples of it, leave the class out, or split otherwise",
            )


def _statistics(raw: Raw, train: Indices, scaling: Scaling) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation over the steps of the train split, shape (n_features,) or ()."""
    steps = raw.x[train][_within(raw.lengths[train], raw.x.shape[1])]
    axis = 0 if scaling == "each_feature" else None
    mean = np.asarray(steps.mean(axis=axis, dtype=np.float64), dtype=np.float32)
    deviation = np.sqrt(np.mean(np.square(steps - mean), axis=axis, dtype=np.float64))
    # A feature that never changes has nothing to scale.
    is_constant = deviation <= 1e-6 * np.maximum(1.0, np.abs(mean))
    return mean, np.asarray(np.where(is_constant, 1.0, deviation), dtype=np.float32)


def _scaled(raw: Raw, indices: Indices, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Sequences:
    lengths = raw.lengths[indices]
    x = (raw.x[indices] - mean) / deviation
    x[~_within(lengths, x.shape[1])] = 0.0
    return Sequences(np.ascontiguousarray(x), lengths, raw.labels[indices])


def _within(lengths: NDArray[np.int64], n_steps: int) -> NDArray[np.bool_]:
    """Which steps belong to a sequence, shape (n_sequences, n_steps)."""
    return np.arange(n_steps) < lengths[:, None]
