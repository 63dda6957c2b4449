"""What can be wrong with a user's data."""

from evaluators.errors import DataError

__all__ = ["DataError"]
