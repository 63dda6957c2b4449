"""Handwritten digits of 28x28 pixels, read row by row, from the files of MNIST or of a set in its format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import Part, Raw, assemble
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.idx import read_idx
from evaluators.gru.tasks.options import FolderOptions, find_folder
from evaluators.gru.tasks.splitting import Indices, deal, stratified_order
from evaluators.system import Context


class MnistRowsOptions(FolderOptions):
    """Options of `mnist_rows`."""

    n_train: int | None = Field(
        default=None, ge=1, description="images to train on; default: all but those of validation"
    )
    n_validation: int = Field(default=5000, ge=1, description="images of the training files kept for validation")
    n_test: int | None = Field(default=None, ge=1, description="images to test on; default: all of the test files")


def load_mnist_rows(options: MnistRowsOptions, context: Context) -> ClassificationData:
    """60,000 and 10,000 images, each 28 steps of 28 pixels; pixels are scaled all alike.

    Fashion-MNIST and others in the same four files work as well.

    Raises:
        DataError: If a file is missing or broken, or more images are asked for than there are.
    """
    folder = find_folder(options.root, "mnist")
    images, labels = _read_pair(folder, "train")
    test_images, test_labels = _read_pair(folder, "t10k")
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"train images are {images.shape[1:]}, test images {test_images.shape[1:]}",
            where=folder,
            expected="the same number of pixels",
        )
    x = np.concatenate([images, test_images])
    test = len(labels) + stratified_order(test_labels, options.split_seed)[: options.n_test]
    all_labels = np.concatenate([labels, test_labels])
    return assemble(
        Raw(x, np.full(len(x), x.shape[1], dtype=np.int64), all_labels),
        {**_train_and_validation(labels, options, folder), "test": test},
        [str(digit) for digit in range(int(all_labels.max()) + 1)],
        f"images of {x.shape[1]}x{x.shape[2]} pixels from IDX files, one row a step",
        scaling="all_features",
        seed=options.split_seed,
    )


def _train_and_validation(labels: NDArray[np.int64], options: MnistRowsOptions, folder: Path) -> dict[Part, Indices]:
    n_train = options.n_train or max(1, len(labels) - options.n_validation)
    sizes: dict[Part, int] = {"train": n_train, "validation": options.n_validation}
    try:
        return deal(labels, sizes, options.split_seed)
    except ValueError as error:
        raise DataError(
            f"not enough training images: {error}", where=folder, advice="Lower n_train or n_validation"
        ) from error


def _read_pair(folder: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = read_idx(_find(folder, f"{prefix}-images", 3), 3)
    labels_path = _find(folder, f"{prefix}-labels", 1)
    labels = read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"holds {len(labels)} labels", where=labels_path, expected=f"{len(images)}, one an image")
    return images, labels.astype(np.int64)


def _find(folder: Path, stem: str, n_dimensions: int) -> Path:
    """Both spellings are about: `train-images-idx3-ubyte` and `train-images.idx3-ubyte`, packed or not."""
    names = [f"{stem}{dot}idx{n_dimensions}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise DataError(f"there is no {names[0]} or {names[1]}", where=folder, expected="the four IDX files of MNIST")
    return found
