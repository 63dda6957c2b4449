"""A configuration: one value for every knob, with one canonical spelling and hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from spaces.parameters import Value

Configuration = Mapping[str, Value]
"""Knob name -> value."""


def canonical(configuration: Configuration) -> str:
    """The one spelling of a configuration: JSON, keys sorted, whole floats written as integers.

    >>> canonical({"b": 4.0, "a": 0.5})
    '{"a":0.5,"b":4}'
    """
    plain = {knob: _plain(value) for knob, value in configuration.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def configuration_hash(configuration: Configuration) -> str:
    """First 16 hex digits of the SHA-256 of the canonical spelling."""
    return hashlib.sha256(canonical(configuration).encode()).hexdigest()[:16]


def _plain(value: Value) -> Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
