"""What can be wrong with a user's data."""

from __future__ import annotations

from pathlib import Path

from evaluators.errors import EvaluationError


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
        parts = [f"{place}{wrong}.", f"Expected: {expected}." if expected else "", f"{advice}." if advice else ""]
        # One plain string, so that the error survives the way between processes.
        super().__init__(" ".join(part for part in parts if part))
