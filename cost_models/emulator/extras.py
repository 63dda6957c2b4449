"""Import of the optional packages, with one line of advice where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from cost_models.errors import MissingExtraError

_MODULES = ("ziglang", "unicorn", "capstone", "elftools")


def require(module: str, needed_by: str) -> ModuleType:
    """Import a module of the extra `mcu`.

    Args:
        module: Dotted name, such as `elftools.elf.elffile`.
        needed_by: What cannot be done without it, as the subject of a sentence.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(needed_by, "mcu") from error


def is_available() -> bool:
    """Whether all packages of the extra `mcu` are installed."""
    return all(importlib.util.find_spec(module) is not None for module in _MODULES)
