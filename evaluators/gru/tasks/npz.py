"""The user's own sequences, from one `.npz` file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import PARTS, Part, Raw, assemble
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.options import AnyPath, Share, TaskOptions
from evaluators.gru.tasks.splitting import Indices, deal
from evaluators.system import Context

Arrays = Mapping[str, NDArray[Any]]
_KNOWN = {"x", "y", "lengths", "split"}


class NpzOptions(TaskOptions):
    """Options of `npz`."""

    file: AnyPath = Field(
        description="a .npz file: x [N, T, F] numbers, y [N] whole numbers or names, optionally lengths [N], "
        "split [N] with the words train, validation and test"
    )
    validation_share: Share = Field(default=0.2, description="share for validation, where the file has no split")
    test_share: Share = Field(default=0.2, description="share for test, where the file has no split")

    @model_validator(mode="after")
    def _leaves_some_to_train(self) -> Self:
        if self.validation_share + self.test_share >= 1.0:
            raise ValueError("validation_share and test_share leave nothing to train on")
        return self


def load_npz(options: NpzOptions, context: Context) -> ClassificationData:
    """The sequences of the file; every feature is scaled on its own.

    Raises:
        DataError: If an array is missing, or its shape, type or content is wrong.
    """
    path = options.file
    arrays = _read(path)
    x = _read_x(arrays["x"], path)
    names, labels = _read_labels(arrays["y"], len(x), path)
    lengths = _read_lengths(arrays.get("lengths"), x, path)
    _check_finite(x, lengths, path)
    parts = _given(arrays["split"], len(x), path) if "split" in arrays else _dealt(labels, options)
    return assemble(
        Raw(x, lengths, labels),
        parts,
        names,
        f"sequences of {path.name}",
        scaling="each_feature",
        seed=options.split_seed,
    )


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise DataError("there is no such file", where=path, advice="Set `file` of the task")
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError("holds a single array", where=path, expected="an archive written by numpy.savez")
            arrays = {name: archive[name] for name in archive.files if name in _KNOWN}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot be read: {error}", where=path, expected="a .npz file of plain arrays") from error
    missing = [name for name in ("x", "y") if name not in arrays]
    if missing:
        raise DataError(f"there is no array {missing[0]!r} in it", where=path, expected="x [N, T, F] and y [N]")
    return arrays


def _read_x(x: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if x.ndim != 3 or 0 in x.shape:
        raise DataError(f"x has shape {x.shape}", where=path, expected="[N, T, F]: sequences, steps, features")
    if x.dtype.kind not in "fiu":
        raise DataError(f"x is of type {x.dtype}", where=path, expected="real numbers")
    with np.errstate(over="ignore"):  # What overflows is infinite, and reported with its place.
        return x.astype(np.float32)


def _read_labels(y: NDArray[Any], n: int, path: Path) -> tuple[list[str], NDArray[np.int64]]:
    _check_vector("y", y, n, path)
    if y.dtype.kind not in "iuU":
        raise DataError(f"y is of type {y.dtype}", where=path, expected="whole numbers or text")
    classes, labels = np.unique(y, return_inverse=True)
    return [str(name) for name in classes], labels.astype(np.int64)


def _read_lengths(lengths: NDArray[Any] | None, x: NDArray[np.float32], path: Path) -> NDArray[np.int64]:
    if lengths is None:
        return np.full(len(x), x.shape[1], dtype=np.int64)
    _check_vector("lengths", lengths, len(x), path)
    if lengths.dtype.kind not in "iu":
        raise DataError(f"lengths is of type {lengths.dtype}", where=path, expected="whole numbers")
    wrong = np.flatnonzero((lengths < 1) | (lengths > x.shape[1]))
    if len(wrong):
        raise DataError(
            f"lengths[{wrong[0]}] is {lengths[wrong[0]]}", where=path, expected=f"1 to {x.shape[1]}, the steps of x"
        )
    return lengths.astype(np.int64)


def _check_finite(x: NDArray[np.float32], lengths: NDArray[np.int64], path: Path) -> None:
    within = np.arange(x.shape[1]) < lengths[:, None]
    wrong = np.argwhere(~np.isfinite(x) & within[:, :, None])
    if len(wrong):
        place = ", ".join(str(k) for k in wrong[0])
        raise DataError(f"x[{place}] is not finite", where=path, expected="finite numbers up to each sequence's end")


def _given(split: NDArray[Any], n: int, path: Path) -> dict[Part, Indices]:
    _check_vector("split", split, n, path)
    wrong = np.flatnonzero(~np.isin(split, PARTS)) if split.dtype.kind == "U" else np.arange(n)
    if len(wrong):
        raise DataError(f"split[{wrong[0]}] is {split[wrong[0]]!r}", where=path, expected=", ".join(PARTS))
    return {part: np.flatnonzero(split == part) for part in PARTS}


def _dealt(labels: NDArray[np.int64], options: NpzOptions) -> dict[Part, Indices]:
    n_validation, n_test = (round(share * len(labels)) for share in (options.validation_share, options.test_share))
    n_train = len(labels) - n_validation - n_test
    sizes: dict[Part, int] = {"train": n_train, "validation": n_validation, "test": n_test}
    return deal(labels, sizes, options.split_seed)


def _check_vector(name: str, array: NDArray[Any], n: int, path: Path) -> None:
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape}", where=path, expected=f"({n},), one for each sequence of x")
