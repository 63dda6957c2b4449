"""Checks, scaling and identity of assembled tasks."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from evaluators.data import ClassificationData, Split
from evaluators.gru.tasks import DataError, fingerprint
from evaluators.gru.tasks.assembly import N_CALIBRATION, PARTS, Part, Raw, Scaling, assemble, pad

NAMES = ("no", "yes")


def raw_task(n: int = 12, n_steps: int = 3, n_features: int = 2) -> Raw:
    rng = np.random.default_rng(0)
    x = rng.normal(5.0, 3.0, (n, n_steps, n_features)).astype(np.float32)
    lengths = rng.integers(1, n_steps + 1, n)
    return Raw(x, lengths, np.arange(n) % 2)


def thirds(n: int = 12) -> dict[Part, np.ndarray]:
    return dict(zip(PARTS, np.split(np.arange(n), 3), strict=True))


def assembled(raw: Raw, scaling: Scaling = "each_feature") -> ClassificationData:
    return assemble(raw, thirds(len(raw.labels)), NAMES, "a task", scaling=scaling, seed=0)


def test_padding_fills_up_with_zeros() -> None:
    raw = pad([np.ones((2, 3), np.float32), np.full((4, 3), 2, np.float32)], np.array([0, 1]))
    assert raw.lengths.tolist() == [2, 4]
    assert raw.x[:, :, 0].tolist() == [[1, 1, 0, 0], [2, 2, 2, 2]]


def test_scaling_uses_the_steps_of_train_only() -> None:
    # Feature 0 of train: 1, 3 within the sequences (99 comes after an end): mean 2, deviation 1.
    # Feature 1 of train: 10, 10: constant, so only its mean is taken off.
    x = np.array([[[1, 10], [99, 99]], [[3, 10], [99, 99]], [[4, 12], [6, 10]], [[0, 10], [0, 0]]] * 2, np.float32)
    labels = np.array([0, 1, 0, 0, 0, 1, 1, 1])
    raw = Raw(x, np.array([1, 1, 2, 1] * 2), labels)
    parts: dict[Part, np.ndarray] = {"train": np.array([0, 1]), "validation": np.array([2, 6]), "test": np.array([3])}
    data = assemble(raw, parts, NAMES, "", scaling="each_feature", seed=0)
    assert sorted(data.splits["train"].x[:, 0, 0]) == [-1, 1]
    assert (data.splits["train"].x[:, 0, 1] == 0).all()
    assert (data.splits["train"].x[:, 1] == 0).all()
    assert data.splits["validation"].x[0].tolist() == [[2, 2], [4, 0]]
    assert data.splits["test"].x[0].tolist() == [[-2, 0], [0, 0]]


def test_features_may_be_scaled_alike() -> None:
    raw = raw_task(60)
    train = assembled(raw, "all_features").splits["train"]
    steps = train.x[np.arange(3) < train.lengths[:, None]]
    assert steps.mean() == pytest.approx(0.0, abs=1e-6)
    assert steps.std() == pytest.approx(1.0, abs=1e-6)
    # One factor for all: differences between features keep their proportions.
    differences = np.sort(train.x[:, 0, 0] - train.x[:, 0, 1])
    originals = np.sort(raw.x[:20, 0, 0] - raw.x[:20, 0, 1])
    assert np.ptp(differences / originals) == pytest.approx(0.0, abs=1e-4)


def test_bytes_are_scaled_like_floats() -> None:
    raw = raw_task()
    pixels = raw.x.clip(0, 255).astype(np.uint8)
    of_bytes = assembled(Raw(pixels, raw.lengths, raw.labels))
    of_floats = assembled(Raw(pixels.astype(np.float32), raw.lengths, raw.labels))
    assert fingerprint(of_bytes) == fingerprint(of_floats)


def test_arrays_have_the_promised_types() -> None:
    data = assembled(raw_task())
    assert set(data.splits) == set(get_args(Split))
    for part in data.splits.values():
        assert (part.x.dtype, part.lengths.dtype, part.labels.dtype) == (np.float32, np.int64, np.int64)
        assert part.x.flags["C_CONTIGUOUS"]
    assert data.description == "a task; train / validation / test: 4 / 4 / 4"


def test_calibration_is_the_beginning_of_train() -> None:
    data = assembled(raw_task(3 * 300))
    assert len(data.splits["calibration"]) == N_CALIBRATION
    assert (data.splits["calibration"].x == data.splits["train"].x[:N_CALIBRATION]).all()


def test_every_beginning_of_a_split_is_a_fair_sample() -> None:
    labels = np.repeat([0, 1], 30)
    order = np.random.default_rng(1).permutation(60)
    raw = replace(raw_task(60), labels=labels[order])
    for part in assembled(raw).splits.values():
        share = part.labels.mean()
        assert abs(part.labels[:6].mean() - share) < 0.35


def test_class_missing_in_train_is_named() -> None:
    raw = replace(raw_task(), labels=np.array([0] * 4 + [0, 1] * 4))
    with pytest.raises(DataError, match=r"class 'yes' has 4 examples, none of them in the train split"):
        assembled(raw)


def test_class_may_be_missing_in_test() -> None:
    raw = replace(raw_task(), labels=np.array([0, 1] * 4 + [0] * 4))
    assert assembled(raw).splits["test"].labels.tolist() == [0] * 4


def test_empty_split_is_an_error() -> None:
    parts: dict[Part, np.ndarray] = {**thirds(), "test": np.array([], np.int64)}
    with pytest.raises(DataError, match="the test split is empty"):
        assemble(raw_task(), parts, NAMES, "", scaling="each_feature", seed=0)


def test_one_class_is_not_enough() -> None:
    raw = replace(raw_task(), labels=np.zeros(12, np.int64))
    with pytest.raises(DataError, match="only one class, 'no'"):
        assemble(raw, thirds(), ["no"], "", scaling="each_feature", seed=0)


def test_fingerprint_changes_with_any_content() -> None:
    data = assembled(raw_task())
    test = data.splits["test"]
    x, labels, lengths = test.x.copy(), test.labels.copy(), test.lengths.copy()
    x[0, 0, 0] += 1e-3
    labels[0] = 1 - labels[0]
    lengths[0] = lengths[0] % 3 + 1
    changed = [replace(test, x=x), replace(test, labels=labels), replace(test, lengths=lengths), test.head(3)]
    others = [replace(data, splits={**data.splits, "test": part}) for part in changed]
    others.append(replace(data, class_names=("no", "YES")))
    assert len({fingerprint(one) for one in (data, *others)}) == 6
    assert fingerprint(assembled(raw_task())) == fingerprint(data)


def test_errors_survive_the_way_between_processes() -> None:
    error = DataError("is empty", where=Path("x.wav"), line=3, expected="samples", advice="Remove it")
    assert str(error) == "x.wav:3: is empty. Expected: samples. Remove it."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
