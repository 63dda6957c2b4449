"""Progress on stderr: a live bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from evaluators.progress import Silent
from search.display.numbers import duration


class Line(Protocol):
    """Where the state of the work at hand is shown."""

    def show(self, title: str, done: int, total: int, text: str) -> None:
        """Show the state; called often."""

    def close(self, title: str, done: int, total: int, text: str) -> None:
        """Show the last state for good."""


class LiveBar:
    """One bar that is drawn again and again, for terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def show(self, title: str, done: int, total: int, text: str) -> None:
        """Draw the bar."""
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}", style="bold", markup=False),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
                TextColumn("{task.fields[text]}", style="dim", markup=False),
                console=self._console,
            )
            self._task = self._bar.add_task(title, total=total, text=text)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, text=text)

    def close(self, title: str, done: int, total: int, text: str) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self.show(title, done, total, text)
            self._bar.stop()
            self._bar = None


class PlainLines:
    """A line every few seconds, for logs and pipes."""

    INTERVAL_S = 2.0

    def __init__(self) -> None:
        self._last = -math.inf

    def show(self, title: str, done: int, total: int, text: str) -> None:
        """Print a line if the last one is old enough."""
        if time.monotonic() - self._last >= self.INTERVAL_S:
            self._print(title, done, total, text)

    def close(self, title: str, done: int, total: int, text: str) -> None:
        """Print the last line."""
        self._print(title, done, total, text)
        self._last = -math.inf

    def _print(self, title: str, done: int, total: int, text: str) -> None:
        self._last = time.monotonic()
        print(f"{title}  {done:,}/{total:,}  {text}".rstrip(), file=sys.stderr, flush=True)


class Quiet(Silent):
    """Shows nothing."""

    def begin(self, title: str, total: int) -> None:
        """Ignore the beginning."""

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        """Ignore the trials."""

    def end(self) -> None:
        """Ignore the end."""


class Display:
    """Shows preparations (as `Progress` of the systems) and the search (as `Monitor` of the loop)."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._line: Line = LiveBar(console) if console.is_terminal else PlainLines()
        self._title, self._text = "", ""
        self._done, self._total = 0, 0
        self._first, self._started = 0, 0.0
        self._hypervolume, self._front_size = math.nan, 0
        self._note = ""

    def start(self, title: str, total: int, done: int = 0) -> None:
        """A preparation of `total` steps begins, `done` of which were done earlier."""
        self.begin(title, total)
        self._done = self._first = done

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more steps of a preparation are done."""
        self._done += steps
        self._show("  ".join(part for part in (note, self._time_left()) if part))

    def finish(self) -> None:
        """The preparation is over."""
        self.end()

    def begin(self, title: str, total: int) -> None:
        """A phase of the search begins."""
        self._title, self._total = title, total
        self._done, self._first, self._text = 0, -1, ""
        self._started = time.monotonic()
        self._show("starting")

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        """So many trials are done; a front size below 0 leaves hypervolume and size as they were."""
        if self._first < 0:
            self._first = done  # what an earlier run did says nothing about the speed of this one
        self._done = done
        if front_size >= 0:
            self._hypervolume, self._front_size, self._note = hypervolume, front_size, note
        parts = [self._rate(), self._time_left()]
        if self._front_size:
            parts += [f"hypervolume {self._hypervolume:.5g}", f"front {self._front_size}", self._note]
        self._show("  ".join(part for part in parts if part))

    def end(self) -> None:
        """The phase is over."""
        self._line.close(self._title, self._done, self._total, self._text)
        self._front_size = 0

    def _show(self, text: str) -> None:
        self._text = text
        self._line.show(self._title, self._done, self._total, text)

    def _speed(self) -> float:
        elapsed = time.monotonic() - self._started
        return (self._done - max(self._first, 0)) / elapsed if elapsed > 0 else 0.0

    def _rate(self) -> str:
        speed = self._speed()
        if speed <= 0:
            return ""
        return f"{speed:,.0f} trials/s" if speed >= 10 else f"{speed:.2g} trials/s"

    def _time_left(self) -> str:
        speed = self._speed()
        return f"{duration((self._total - self._done) / speed)} left" if speed > 0 and self._done < self._total else ""
