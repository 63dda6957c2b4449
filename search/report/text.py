"""Makes text from files safe where it lands: HTML, Plotly's own small markup, JSON inside a page."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Iterable
from typing import Any

from spaces import Configuration

_NO_BREAK = "\u00a0\u202f"
"""Spaces within a number and before its unit."""

_MANY_KNOBS = 6
"""Above this number the knobs of a kind are listed by value alone, in the configuration's order."""


def clean(text: object, limit: int = 200) -> str:
    """Plain printable text of at most `limit` characters; a longer one loses its middle.

    Control characters, direction marks and lone surrogates, which could hide or reorder what follows, are replaced.
    """
    shown = "".join(_plain(c) for c in str(text))
    if len(shown) <= limit:
        return shown
    head = (limit - 1) * 2 // 3
    return shown[:head] + "…" + shown[len(shown) - (limit - 1 - head) :]


def _plain(character: str) -> str:
    if character.isprintable() or character in _NO_BREAK:
        return character
    return " " if character.isspace() else "\ufffd"


def html_text(text: object, limit: int = 200) -> str:
    """Text for an HTML element or a quoted attribute."""
    return html.escape(clean(text, limit))


def plotly_text(text: object, limit: int = 60) -> str:
    """Text for a label or hover box: Plotly reads `<b>`, `<a href>` and entities there, so none may come from a file.

    >>> plotly_text("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    return html.escape(clean(text, limit), quote=False)


def plotly_lines(lines: Iterable[object], width: int = 72) -> str:
    """Lines of a hover box, each one wrapped and escaped."""
    wrapped = (part for line in lines for part in textwrap.wrap(clean(line, 600), width) or [""])
    return "<br>".join(plotly_text(part, width) for part in wrapped)


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: without `<`, `>` and `&`, in ASCII.

    Raises:
        ValueError: If a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float, digits: int = 4) -> str:
    """A number as people read it: `digits` significant ones, no exponent for ordinary sizes."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.{digits}g}"


def padded(value: float, digits: int = 4) -> str:
    """A measured number with trailing zeros, so that equal precision looks equal: `5.000` beside `5.125`."""
    return number(value, digits) if abs(value) >= 10 ** (digits - 1) else f"{value:#.{digits}g}"


def configuration_lines(configuration: Configuration) -> list[str]:
    """A configuration in few lines, one for each kind of knob: `bit_widths: 4 4 8 2 ...` or `router: a=1, b=2`."""
    kinds: dict[str, dict[str, object]] = {}
    for knob, value in configuration.items():
        kind, _, name = knob.partition(".")
        kinds.setdefault(kind, {})[name] = number(value) if isinstance(value, float) else value
    return [_kind_line(kind, knobs) for kind, knobs in kinds.items()]


def _kind_line(kind: str, knobs: dict[str, object]) -> str:
    if set(knobs) == {""}:
        return f"{kind}: {knobs['']}"
    if len(set(map(str, knobs.values()))) == 1 and len(knobs) > 1:
        return f"{kind}: all {next(iter(knobs.values()))}"
    if len(knobs) > _MANY_KNOBS:
        return f"{kind}: {' '.join(str(value) for value in knobs.values())}"
    return f"{kind}: {', '.join(f'{name}={value}' for name, value in knobs.items())}"
