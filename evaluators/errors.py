"""What can go wrong with a system, as against with what the user wrote in a study."""

from __future__ import annotations


class EvaluationError(Exception):
    """A system could not be prepared or evaluated; the message is for people."""


class SystemContractError(EvaluationError):
    """A system does not keep to the protocol; the message says which member and how."""
