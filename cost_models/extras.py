"""Import of the optional packages, with one line of advice where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from cost_models.errors import MissingExtraError


def require(module: str, needed_by: str, extra: str) -> ModuleType:
    """Import a module of an extra.

    Args:
        module: Dotted name, such as `elftools.elf.elffile`.
        needed_by: What cannot be done without it, as the subject of a sentence.
        extra: The extra that installs it.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(needed_by, extra) from error


def are_installed(*packages: str) -> bool:
    """Whether all of these packages can be imported."""
    return all(importlib.util.find_spec(package) is not None for package in packages)
