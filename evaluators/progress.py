"""How long-running work reports how far it is, without knowing who is watching."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Watches one piece of work at a time."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Begin a piece of work of `total` steps, `done` of which were done earlier."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Report `steps` more steps done; `note` is shown beside the bar, e.g. `loss 0.31`."""

    def finish(self) -> None:
        """End the piece of work."""


class Silent:
    """Reports to nobody."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        """Ignore the beginning."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Ignore the step."""

    def finish(self) -> None:
        """Ignore the end."""
