"""Digits row by row: the built-in ones and those from IDX files."""

from __future__ import annotations

import gzip
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from evaluators.data import ClassificationData
from evaluators.gru.tasks import TASKS, DataError, fingerprint
from evaluators.gru.tasks.idx import read_idx
from evaluators.system import Context

FILES = {
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}


def idx_bytes(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_images(folder: Path, n_train: int = 60, n_test: int = 20, packed: bool = False) -> None:
    """Images of 4 x 5 pixels, each with a number of its own in its first two pixels."""
    rng = np.random.default_rng(0)
    for prefix, n, first in (("train", n_train, 0), ("t10k", n_test, 1000)):
        images = rng.integers(0, 256, (n, 4, 5), dtype=np.uint8)
        images[:, 0, 0], images[:, 0, 1] = (first + np.arange(n)) // 256, (first + np.arange(n)) % 256
        for name, values in (("images-idx3", images), ("labels-idx1", (np.arange(n) % 3).astype(np.uint8))):
            content = idx_bytes(values)
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)


def load(name: str, folder: Path, **options: object) -> ClassificationData:
    task = TASKS[name]
    return task.load(task.options(**options), Context(folder / "cache"))


def test_digits_are_split_as_promised(tmp_path: Path) -> None:
    data = load("digits_rows", tmp_path)
    assert {name: len(part) for name, part in data.splits.items()} == {
        "train": 800,
        "validation": 450,
        "test": 547,
        "calibration": 256,
    }
    assert (data.n_steps, data.n_features, data.class_names[3]) == (8, 8, "3")
    for part in data.splits.values():
        # The 1,797 digits are 174 to 183 of each.
        assert np.bincount(part.labels) / len(part) == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_digits_are_those_of_scikit_learn_each_once(tmp_path: Path) -> None:
    data = load("digits_rows", tmp_path)
    x = np.concatenate([data.splits[split].x for split in ("train", "validation", "test")])
    labels = np.concatenate([data.splits[split].labels for split in ("train", "validation", "test")])
    pixels = np.unique(x)  # 17 grey levels, whatever the scaling
    found = sorted(
        (np.searchsorted(pixels, image).ravel().tolist(), int(c)) for image, c in zip(x, labels, strict=True)
    )
    images, targets = load_digits(return_X_y=True)
    assert found == sorted((image.astype(int).tolist(), int(c)) for image, c in zip(images, targets, strict=True))


def test_split_follows_from_its_seed(tmp_path: Path) -> None:
    prints = [fingerprint(load("digits_rows", tmp_path, split_seed=seed)) for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("packed", [False, True])
def test_images_come_from_idx_files(tmp_path: Path, packed: bool) -> None:
    write_images(tmp_path, packed=packed)
    data = load("mnist_rows", tmp_path, root=tmp_path, n_validation=12)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [48, 12, 20]
    assert (data.n_steps, data.n_features, data.class_names) == (4, 5, ("0", "1", "2"))
    numbers = []
    for split, limit in (("train", 60), ("validation", 60), ("test", 20)):
        part = data.splits[split]
        own = {tuple(np.round(image[0, :2], 4)) for image in part.x}
        assert len(own) == len(part) <= limit
        numbers.extend(own)
    assert len(set(numbers)) == 80  # no image in two splits


def test_packing_does_not_matter(tmp_path: Path) -> None:
    prints = set()
    for packed in (False, True):
        folder = tmp_path / str(packed)
        folder.mkdir()
        write_images(folder, packed=packed)
        prints.add(fingerprint(load("mnist_rows", tmp_path, root=folder, n_validation=12)))
    assert len(prints) == 1


def test_number_of_images_can_be_limited(tmp_path: Path) -> None:
    write_images(tmp_path)
    data = load("mnist_rows", tmp_path, root=tmp_path, n_train=9, n_validation=6, n_test=3)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [9, 6, 3]
    assert np.bincount(data.splits["train"].labels).tolist() == [3, 3, 3]


def test_data_folder_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    write_images(tmp_path / "mnist")
    monkeypatch.setenv("TINYPARETO_DATA", str(tmp_path))
    assert load("mnist_rows", tmp_path, n_validation=12).n_features == 5


def test_no_folder_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    with pytest.raises(DataError, match=r"no folder given for mnist\. Set `root` of the task .* or TINYPARETO_DATA"):
        load("mnist_rows", tmp_path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder\. Set `root`"):
        load("mnist_rows", tmp_path, root=tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_images(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=rf"there is no {name} or {name}\.gz"):
        load("mnist_rows", tmp_path, root=tmp_path)


def test_more_images_than_there_are(tmp_path: Path) -> None:
    write_images(tmp_path)
    with pytest.raises(DataError, match="not enough training images: 62 examples asked for, 60 there"):
        load("mnist_rows", tmp_path, root=tmp_path, n_train=50, n_validation=12)
    with pytest.raises(DataError, match=r"not enough training images"):
        load("mnist_rows", tmp_path, root=tmp_path, n_validation=5000)


def test_as_many_labels_as_images(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(19, np.uint8)))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: holds 19 labels\. Expected: 20, one an image"):
        load("mnist_rows", tmp_path, root=tmp_path)


def test_images_of_one_size(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((20, 4, 6), np.uint8)))
    with pytest.raises(DataError, match=r"train images are \(4, 5\), test images \(4, 6\)"):
        load("mnist_rows", tmp_path, root=tmp_path)


GOOD = idx_bytes(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with the bytes "),
        (b"PK\x03\x04" + GOOD, "starts with the bytes 50 4b 03 04"),
        (idx_bytes(np.zeros(3, np.uint8)), "starts with the bytes 00 00 08 01"),
        (GOOD[:10], "is cut short within its header"),
        (GOOD[:-1], r"holds 5 values\. Expected: 6 for the shape \(1, 2, 3\)"),
        (GOOD + b"\0", r"holds 7 values\. Expected: 6"),
        (gzip.compress(GOOD)[:-6], "cannot be unpacked"),
        (gzip.compress(GOOD)[:12] + b"\xff" * 30, "cannot be unpacked"),
    ],
)
def test_broken_idx_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"images: {message}"):
        read_idx(path, 3)


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda tail: GOOD[:8] + tail))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with suppress(DataError):
        values = read_idx(path, 3)
        assert values.ndim == 3
