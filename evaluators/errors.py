"""What can go wrong with a system, as against with what the user wrote in a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spaces import Problem


class EvaluationError(Exception):
    """A system could not be prepared or evaluated; the message is for people."""


class DataError(EvaluationError):
    """Data that cannot be used; the message says which file, what is wrong, what was expected and what to do.

    Args:
        wrong: What is wrong.
        where: The file or folder; with `line`, the line of it, from 1.
        expected: What was expected instead.
        advice: What to do about it.
    """

    def __init__(
        self, wrong: str, *, where: Path | None = None, line: int | None = None, expected: str = "", advice: str = ""
    ) -> None:
        place = f"{where}{f':{line}' if line is not None else ''}: " if where is not None else ""
        wish, hint = f"Expected: {expected}." if expected else "", f"{advice}." if advice else ""
        parts = [f"{place}{wrong.removesuffix('.')}.", wish, hint]
        # One plain string, and no second full stop, so that the error survives the way between processes.
        super().__init__(" ".join(part for part in parts if part))


class SystemContractError(EvaluationError):
    """A system does not keep to the protocol; the message says which member and how."""


class SystemSpecError(Exception):
    """The `system` section of a study is wrong.

    Args:
        problems: Every mistake found; paths start at the section.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)
