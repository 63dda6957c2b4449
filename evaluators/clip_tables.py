"""Scores clip by clip, or example by example: a table beside the means of a measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

ClipRow = Mapping[str, str | float | None]
"""One row: `clip` its name, metric -> value or None where it has none, `reasons` why values were not measured."""

NAME, REASONS = "clip", "reasons"
TEXTS = (NAME, REASONS)
DECIMALS = 4
"""Kept of every value: more than any metric can tell, and a journal of many clips stays small."""


def checked_clips(rows: Any) -> tuple[dict[str, str | float | None], ...]:
    """The rows as plain texts and rounded numbers.

    Raises:
        ValueError: If a row is no mapping, has no name, or holds anything but texts in `clip` and `reasons` and finite
            numbers or None elsewhere.
    """
    if isinstance(rows, str | Mapping) or not isinstance(rows, Sequence):
        raise ValueError(f"clips must be a list with one row a clip, got {type(rows).__name__}")
    return tuple(_checked(row) for row in rows)


def _checked(row: Any) -> dict[str, str | float | None]:
    if not isinstance(row, Mapping) or not isinstance(row.get(NAME), str):
        raise ValueError('each row of clips must be a mapping with the name of the clip under "clip"')
    return {str(key): _value(row[NAME], str(key), value) for key, value in row.items()}


def _value(clip: str, key: str, value: Any) -> str | float | None:
    if key in TEXTS:
        if isinstance(value, str):
            return value
        raise ValueError(f"{key} of clip {clip!r} must be a text, got {value!r}")
    if value is None:
        return None
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError):  # told below
            if math.isfinite(number := float(value)):
                return round(number, DECIMALS)
    raise ValueError(f"{key} of clip {clip!r} must be a finite number or None, got {value!r}")
