"""How a metric or cost is shown: its label, unit, scale and axis, all derived from its name and size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from search.report.text import number, padded, plotly_text

Extent = tuple[float, float]
"""Smallest and largest value."""

UNITS = {
    "bytes": "B",
    "bits": "bits",
    "ns": "ns",
    "us": "µs",
    "ms": "ms",
    "s": "s",
    "seconds": "s",
    "nj": "nJ",
    "uj": "µJ",
    "mj": "mJ",
    "uw": "µW",
    "mw": "mW",
    "hz": "Hz",
    "db": "dB",
    "percent": "%",
}
"""Word of a name -> unit; the word itself then leaves the label."""

COUNTS = {"macs", "cycles", "parameters", "instructions", "operations"}
SHARES = {"rate", "accuracy", "share", "activity"}
"""Words of things between 0 and 1, shown in per cent."""

_ACRONYMS = {
    "macs": "MACs",
    "mmacs": "MMACs",
    **{name: name.upper() for name in ("ram", "rom", "pesq", "stoi", "estoi", "snr", "si", "sdr", "cpu", "dnsmos")},
}
_STORES = {"ram", "rom", "flash", "memory"}
_PREFIXES = ((1e10, 1e9, "G"), (1e7, 1e6, "M"), (1e4, 1e3, "k"))
_LOG_RATIO = 20.0
"""An axis is logarithmic where its largest value is this many times its smallest one."""
_SIGNED = {"db", "pearson", "spearman"}
"""Of either sign by nature, whatever the values at hand: their axes are never logarithmic."""


@dataclass(frozen=True)
class Quantity:
    """A metric or cost as people read it.

    Attributes:
        name: Its name in the records, such as `model_bytes`.
        label: Its name in words, such as `model size`; not escaped.
        unit: Unit of what is shown, such as `kB`; empty for a plain number.
        factor: What is shown is the value times this.
        is_log: Whether its axis is logarithmic.
    """

    name: str
    label: str
    unit: str
    factor: float
    is_log: bool = False

    @property
    def title(self) -> str:
        """Label with the unit, not escaped."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def scaled(self, value: float | None) -> float | None:
        """The value in the unit shown, to 6 significant digits; None stays None."""
        return None if value is None else float(f"{value * self.factor:.6g}")

    def show(self, value: float | None, error: float | None = None) -> str:
        """The value with unit, and its standard error if there is one: `3.1 ± 0.2 %`."""
        if value is None:
            return "–"
        text = self.text(value, error)
        return f"{text}\u00a0{self.unit}" if self.unit else text

    def text(self, value: float, error: float | None = None) -> str:
        """The same without the unit."""
        is_count = self.factor == 1.0 and float(value).is_integer()
        text = number(value) if is_count else padded(value * self.factor)
        return text if error is None else f"{text} ± {padded(error * self.factor, 2)}"

    def axis(self) -> dict[str, Any]:
        """Title and type of a Plotly axis."""
        title = {"title": {"text": plotly_text(self.title)}}
        # So few that logarithmic axes are labelled at 1, 2 and 5 at most.
        return {**title, "type": "log", "nticks": 4} if self.is_log else {**title, "type": "linear"}


def quantity(name: str, extent: Extent | None = None) -> Quantity:
    """The quantity of that name, scaled to suit values within the extent.

    Bytes and counts get decimal prefixes (1 kB = 1000 B).
    """
    low, high = extent or (0.0, 0.0)
    words = name.split("_")
    at = _unit_position(words)
    word = words[at] if at is not None else ""
    unit, factor = UNITS.get(word, ""), 1.0
    if word in SHARES and low >= 0.0 and high <= 1.0:
        unit, factor = "%", 100.0
    elif word == "bytes" or word in COUNTS:
        prefix, factor = _prefix(max(abs(low), abs(high)))
        unit = prefix + unit
    is_log = low > 0.0 and high / low >= _LOG_RATIO and _SIGNED.isdisjoint(words)
    return Quantity(name, _label(words, at), unit, factor, is_log)


def ticks(low: float, high: float) -> list[float]:
    """Values 1, 2 and 5 times powers of ten, from `low` to `high`, both positive, for a logarithmic scale."""
    exponents = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(exponents) <= 3 else (1,)
    return [step * 10.0**e for e in exponents for step in steps if low <= step * 10.0**e <= high]


def _unit_position(words: list[str]) -> int | None:
    """Where the unit stands; a qualifier may follow, as in `latency_ms_worst`. A lone `s` or `ms` is a name."""
    return next(
        (
            i
            for i in reversed(range(len(words)))
            if words[i] in COUNTS or words[i] in SHARES or (words[i] in UNITS and i > 0)
        ),
        None,
    )


def _prefix(largest: float) -> tuple[str, float]:
    return next(((prefix, 1.0 / size) for limit, size, prefix in _PREFIXES if largest >= limit), ("", 1.0))


def _label(words: list[str], at: int | None) -> str:
    shown = [_ACRONYMS.get(word, word) for word in words]
    if at is None or words[at] not in UNITS:
        head, tail = (shown, []) if at is None else (shown[: at + 1], shown[at + 1 :])
    else:
        head, tail = shown[:at], shown[at + 1 :]
        if words[at] == "bytes" and words[at - 1] not in _STORES:
            head = [*head, "size"]
    return ", ".join(" ".join(part) for part in (head, tail) if part)
