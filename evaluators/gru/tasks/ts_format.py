"""Reads `.ts` files: a header of `@` lines, then one labelled series a line.

Format: the sktime and aeon projects' description. A line is `dimension:dimension:...:class`, a dimension is
comma-separated values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.tasks.errors import DataError


@dataclass(frozen=True)
class LabelledSeries:
    """The content of a file.

    Attributes:
        series: Each of shape (its steps, n_dimensions), finite.
        labels: Class of each series, as written.
        class_names: As the header lists them; empty if it does not.
    """

    series: tuple[NDArray[np.float32], ...]
    labels: tuple[str, ...]
    class_names: tuple[str, ...]

    @property
    def n_dimensions(self) -> int:
        """Dimensions of every series."""
        return int(self.series[0].shape[1])


def read_ts(path: Path) -> LabelledSeries:
    """Read a file.

    Raises:
        DataError: If a line is malformed or a value is missing; with the line's number.
    """
    class_names: tuple[str, ...] = ()
    series: list[NDArray[np.float32]] = []
    labels: list[str] = []
    for number, line in _lines(path):
        if line.startswith("@"):
            class_names = _read_header(line, path, number) or class_names
            continue
        *dimensions, label = (part.strip() for part in line.split(":"))
        if not dimensions or not label:
            raise DataError("is not a labelled series", where=path, line=number, expected="values:values:...:class")
        if class_names and label not in class_names:
            raise DataError(
                f"class {label!r} is unknown", where=path, line=number, expected=f"one of {', '.join(class_names)}"
            )
        series.append(_read_series(dimensions, path, number))
        labels.append(label)
        if series[-1].shape[1] != series[0].shape[1]:
            raise DataError(
                f"has {series[-1].shape[1]} dimensions",
                where=path,
                line=number,
                expected=f"{series[0].shape[1]} as in the first series",
            )
    if not series:
        raise DataError("holds no series", where=path, expected="lines values:values:...:class after @data")
    return LabelledSeries(tuple(series), tuple(labels), class_names)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and content of the lines that say something."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError("is not text in UTF-8", where=path, expected="a .ts file") from error
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _read_header(line: str, path: Path, number: int) -> tuple[str, ...]:
    """Class names where this line gives them, else nothing."""
    match line.split():
        case [key, "true", *names] if key.lower() == "@classlabel":
            return tuple(names)
        case [key, *_] if key.lower() == "@classlabel":
            raise DataError("the series have no classes", where=path, line=number, expected="@classLabel true NAME ...")
        case [key, value, *_] if key.lower() == "@timestamps" and value.lower() == "true":
            raise DataError("time stamps are not supported", where=path, line=number, expected="values only")
    return ()


def _read_series(dimensions: list[str], path: Path, number: int) -> NDArray[np.float32]:
    columns = [_read_dimension(text, k, path, number) for k, text in enumerate(dimensions, start=1)]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise DataError(
            f"dimensions of {min(lengths)} and of {max(lengths)} values",
            where=path,
            line=number,
            expected="as many values in every dimension",
        )
    return np.stack(columns, axis=1)


def _read_dimension(text: str, dimension: int, path: Path, number: int) -> NDArray[np.float32]:
    values = text.split(",")
    try:
        with np.errstate(over="ignore"):  # What overflows is infinite, and reported below.
            column = np.array(values, dtype=np.float32)
    except ValueError as error:
        wrong = next(k for k, value in enumerate(values) if not _is_number(value))
        if values[wrong].strip() == "?":
            advice = "Fill in missing values or leave the series out"
            raise DataError(
                f"value {wrong + 1} of dimension {dimension} is missing (?)", where=path, line=number, advice=advice
            ) from error
        raise DataError(
            f"value {wrong + 1} of dimension {dimension} is not a number: {values[wrong].strip()!r}",
            where=path,
            line=number,
        ) from error
    if not np.isfinite(column).all():
        raise DataError(f"dimension {dimension} has values that are not finite", where=path, line=number)
    return column


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
