"""What can go wrong when costs are measured; the messages are for people."""

from __future__ import annotations


class CostModelError(Exception):
    """Base of the errors of this package."""


class MissingExtraError(CostModelError):
    """A package of an optional extra is not installed.

    >>> raise MissingExtraError("emulating a Cortex-M", "mcu")
    Traceback (most recent call last):
    cost_models.errors.MissingExtraError: emulating a Cortex-M needs an extra: pip install 'tinypareto[mcu]'
    """

    def __init__(self, needed_by: str, extra: str) -> None:
        super().__init__(needed_by, extra)  # what pickle calls it with, on the way between processes
        self.extra = extra

    def __str__(self) -> str:
        needed_by, extra = self.args
        return f"{needed_by} needs an extra: pip install 'tinypareto[{extra}]'"


class CompilerError(CostModelError):
    """The C compiler or the linker refused; the message holds what it said."""


class ImageError(CostModelError):
    """A linked image lacks what was asked of it: a symbol, a function, room in memory."""


class EmulationError(CostModelError):
    """The emulated code did something that a microcontroller would answer with a fault, or never returned."""
