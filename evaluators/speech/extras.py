"""Import of the optional packages that speech needs, with one line of advice where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from cost_models.errors import MissingExtraError


def require(module: str, needed_by: str, extra: str = "speech") -> ModuleType:
    """Import a module of an extra.

    Args:
        module: Its name.
        needed_by: What cannot be done without it, as the subject of a sentence.
        extra: The extra that installs it.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtraError(needed_by, extra) from error
