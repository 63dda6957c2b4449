"""Checks the operator table of a user's own system, and makes its numbers plain Python ones."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, TypeVar

from cost_models import Buffer, Operator, Workload

Row = TypeVar("Row", Operator, Buffer)

_OPERATOR_NUMBERS = tuple(field.name for field in fields(Operator) if isinstance(field.default, int | float))
_BUFFER_NUMBERS = ("n_bytes",)


def checked_workload(workload: Any) -> Workload:
    """The same workload, all numbers `int` or `float`: those of NumPy could not be stored.

    Raises:
        TypeError: If it is no workload, or an operator or buffer is none.
        ValueError: If a number is negative or not finite, an activity is above 1 or a name stands twice.
    """
    if not isinstance(workload, Workload):
        raise TypeError(f"must return a cost_models.Workload, got {short(workload)}")
    operators = [_checked(op, Operator, _OPERATOR_NUMBERS) for op in workload.operators]
    buffers = [_checked(buffer, Buffer, _BUFFER_NUMBERS) for buffer in workload.buffers]
    for op in operators:
        if op.activity > 1:
            raise ValueError(f"operator {op.name!r}: activity must be at most 1, got {op.activity:g}")
    names = [op.name for op in operators]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"two operators have the name {repeated!r}")
    return replace(workload, operators=operators, buffers=buffers)


def short(value: Any) -> str:
    """Type and value, for a message."""
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:77] + "..."


def _checked(row: Any, wanted: type[Row], numbers: tuple[str, ...]) -> Row:
    kind = wanted.__name__
    if not isinstance(row, wanted):
        raise TypeError(f"{kind.lower()}s must be cost_models.{kind}, got {short(row)}")
    plain: dict[str, Any] = {}
    for name in numbers:
        value = getattr(row, name)
        if type(value) not in (int, float):
            plain[name] = value = _plain(value)
        if value is None or not (math.isfinite(value) and value >= 0):
            given = short(getattr(row, name))
            raise ValueError(f"{kind.lower()} {row.name!r}: {name} must be a finite number of at least 0, got {given}")
    return replace(row, **plain) if plain else row


def _plain(value: Any) -> int | float | None:
    """A number of NumPy or PyTorch as one of Python; None if it is no number."""
    item = getattr(value, "item", None)
    try:
        found = item() if callable(item) else None
    except (TypeError, ValueError, RuntimeError):  # an array of several values
        return None
    return found if type(found) in (int, float) else None
