"""Numbers as people read them, with the unit that their name tells."""

from __future__ import annotations

import math

_UNITS = {"_bytes": "B", "_ms": "ms", "_us": "us", "_uj": "uJ", "_db": "dB", "_hz": "Hz", "_s": "s"}


def is_share(name: str) -> bool:
    """Whether the quantity of that name is a share, best read in per cent."""
    return name.endswith("_rate") or name == "accuracy"


def unit_of(name: str) -> str:
    """The unit behind a value, from the end of its name; empty where there is none."""
    if is_share(name):
        return "%"
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


def number(name: str, value: float) -> str:
    """A value without its unit: shares in per cent, counts with thousands separated.

    >>> number("error_rate", 0.0375), number("model_bytes", 10240.0)
    ('3.75', '10,240')
    """
    if not math.isfinite(value):
        return "-"
    if is_share(name):
        return f"{100 * value:.2f}"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time span.

    >>> duration(42.4), duration(125), duration(7322)
    ('42 s', '2 min 05 s', '2 h 02 min')
    """
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
