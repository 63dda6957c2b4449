"""The errors of a search, each with the exit code of the command line."""

from __future__ import annotations

from spaces import UserError


class SearchError(Exception):
    """Base of all errors that are told to the user without a traceback."""

    exit_code = 1


class SpecError(SearchError, UserError):
    """What the user wrote is wrong: a study file, an option, a name."""

    exit_code = 2

    @classmethod
    def of(cls, error: UserError) -> SpecError:
        """The same problems, found in a file that the search reads through another package."""
        return cls(error.problems, error.where)


class RunError(SearchError):
    """The run could not go on: disk full, directory not writable, system that cannot be prepared."""
