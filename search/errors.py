"""The errors of a search, each with the exit code of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spaces import Problem


class SearchError(Exception):
    """Base of all errors that are told to the user without a traceback."""

    exit_code = 1


class SpecError(SearchError):
    """What the user wrote is wrong: a study file, an option, a name.

    Args:
        problems: Every problem found.
        where: Gives the place of a path, such as `studies/kws.yaml:9`.
    """

    exit_code = 2

    def __init__(
        self, problems: Sequence[Problem], where: Callable[[tuple[str | int, ...]], str] | None = None
    ) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(_told(problem, where) for problem in problems))

    @classmethod
    def plain(cls, message: str, allowed: str = "", suggestion: str = "") -> SpecError:
        """One problem without a place in a document."""
        return cls([Problem((), message, allowed, suggestion)])


class RunError(SearchError):
    """The run could not go on: disk full, directory not writable, system that cannot be prepared."""


def _told(problem: Problem, where: Callable[[tuple[str | int, ...]], str] | None) -> str:
    place = f"{where(problem.path)}  " if where else ""
    subject = f"{problem.dotted()}: " if problem.path else ""
    advice = problem.advice()
    return f"{place}{subject}{problem.message}" + (f"\n    {advice}" if advice else "")
