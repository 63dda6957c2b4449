"""What can go wrong with a system, as against with what the user wrote in a study."""

from __future__ import annotations

from collections.abc import Sequence

from spaces import Problem


class EvaluationError(Exception):
    """A system could not be prepared or evaluated; the message is for people."""


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
