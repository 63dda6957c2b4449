"""Versions of Python and of the packages that can change a result."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("tinypareto", "numpy", "torch", "optuna", "deap", "moocore")


def versions() -> dict[str, str]:
    """Name -> version."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}
