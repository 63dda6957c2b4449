"""Something wrong in what a user wrote: where, what, what is allowed and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake.

    Attributes:
        path: Keys and indices that lead to it in the document, e.g. `("space", "bit_widths", 0, "choices")`.
        message: What is wrong.
        allowed: What may stand there instead; empty if a list would not help.
        suggestion: What was probably meant; empty if nothing is close.
    """

    path: Path
    message: str
    allowed: str = ""
    suggestion: str = ""

    def under(self, *prefix: str | int) -> Problem:
        """The same problem, seen from an enclosing document."""
        return Problem((*prefix, *self.path), self.message, self.allowed, self.suggestion)

    def dotted(self) -> str:
        """The path as a user writes it: `space.bit_widths.choices[2]`."""
        text = ""
        for key in self.path:
            text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
        return text

    def advice(self) -> str:
        """What is allowed and what was probably meant, in one line; empty if neither is known."""
        parts = [f"Allowed: {self.allowed}."] if self.allowed else []
        if self.suggestion:
            parts.append(f'Did you mean "{self.suggestion}"?')
        return " ".join(parts)


class UserError(Exception):
    """What a user wrote is wrong: a file, an option, a name.

    Args:
        problems: Every problem found.
        where: Gives the place of a path, such as `studies/kws.yaml:9`.

    >>> str(UserError.plain("clock.yaml is empty", "a target"))
    'clock.yaml is empty\\n    Allowed: a target.'
    """

    def __init__(self, problems: Sequence[Problem], where: Callable[[Path], str] | None = None) -> None:
        self.problems = tuple(problems)
        self.where = where
        super().__init__("\n".join(_told(problem, where) for problem in problems))

    @classmethod
    def plain(cls, message: str, allowed: str = "", suggestion: str = "") -> Self:
        """One problem without a place in a document."""
        return cls([Problem((), message, allowed, suggestion)])


def _told(problem: Problem, where: Callable[[Path], str] | None) -> str:
    place = f"{where(problem.path)}  " if where else ""
    subject = f"{problem.dotted()}: " if problem.path else ""
    advice = problem.advice()
    return f"{place}{subject}{problem.message}" + (f"\n    {advice}" if advice else "")


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The allowed name closest to `name`, or an empty string if none is close.

    >>> nearest("nsga-2", ["nsga2", "tpe"])
    'nsga2'
    """
    matches = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def unknown(path: Path, what: str, name: str, allowed: Iterable[str]) -> Problem:
    """The problem of a name that does not exist.

    Args:
        path: Where the name stands.
        what: What kind of thing it should name, e.g. `optimizer`.
        name: What was written.
        allowed: The names that exist.
    """
    names = sorted(allowed)
    return Problem(path, f'unknown {what} "{name}"', ", ".join(names) or "none", nearest(name, names))


def shown(value: Any) -> str:
    """A value as it stands in a message: texts in double quotes, long ones cut short."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
