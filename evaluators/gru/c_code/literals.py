"""Numbers, texts and arrays as C writes them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Initializer: TypeAlias = "str | Mapping[str, Initializer]"
"""An expression, or a struct by its fields."""

_LINE_LENGTH = 120
_INDENT = "    "
# A letter or digit after an escape of three octal digits is not part of it, as it would be in hexadecimal.
_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}


def integer(value: int) -> str:
    """An integer of at most 32 bits.

    >>> integer(-(1 << 31)), integer(1 << 31)
    ('(-2147483647 - 1)', '2147483648u')
    """
    # The smallest number has no literal: C reads a minus sign and a number that does not fit.
    return f"({value + 1} - 1)" if value == -(1 << 31) else f"{value}u" if value >= 1 << 31 else str(value)


def text(value: str) -> str:
    r"""A string literal of UTF-8, safe whatever it holds.

    >>> print(text('"??/" é'))
    "\"\?\?/\" \303\251"
    """
    content = value.encode("utf-8", "surrogatepass")
    return '"' + "".join(_ESCAPES.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in content) + '"'


def array(c_type: str, declarator: str, values: NDArray[np.integer[Any]]) -> str:
    """The definition of a constant array.

    Args:
        c_type: Of its elements; the numbers of a `uint32_t` are written in hexadecimal.
        declarator: Its name and dimensions, such as `bias[]`.
        values: Its numbers, shape (n,) or (rows, n); each row of a matrix is in braces of its own.
    """

    def joined(row: NDArray[np.integer[Any]]) -> str:
        return ", ".join(f"0x{v:08x}u" if c_type == "uint32_t" else integer(v) for v in row.tolist())

    lines = [joined(values)] if values.ndim == 1 else [f"{{{joined(row)}}}" for row in values]
    content = "".join(f"{_wrapped(line)},\n" for line in lines)
    return f"const {c_type} {declarator} = {{\n{content}}};\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _LINE_LENGTH - 1, initial_indent=_INDENT, subsequent_indent=_INDENT)


def struct_definition(c_type: str, name: str, fields: Mapping[str, Initializer]) -> str:
    """The definition of a constant struct of a file's own."""
    return f"static const {c_type} {name} = {_struct_lines(fields, '')};\n"


def struct(fields: Mapping[str, Initializer]) -> str:
    """An initializer in one line.

    >>> struct({"shift": "3", "output": {"bits": "8"}})
    '{.shift = 3, .output = {.bits = 8}}'
    """
    parts = (f".{name} = {value if isinstance(value, str) else struct(value)}" for name, value in fields.items())
    return "{" + ", ".join(parts) + "}"


def _struct_lines(fields: Mapping[str, Initializer], indent: str) -> str:
    """An initializer, a field a line; fields that are structs are in one line where there is room."""
    inner, lines = indent + _INDENT, []
    for name, value in fields.items():
        line = f"{inner}.{name} = {value if isinstance(value, str) else struct(value)},"
        if not isinstance(value, str) and len(line) > _LINE_LENGTH:
            line = f"{inner}.{name} = {_struct_lines(value, inner)},"
        lines.append(f"{line}\n")
    return f"{{\n{''.join(lines)}{indent}}}"
