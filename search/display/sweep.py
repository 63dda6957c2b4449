"""The progress of a sweep as a live table, or a line for every study that ends; and its summary."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from search.display.numbers import duration
from search.sweep.summary import Row, Summary
from search.sweep.trial import Outcome

MAX_ROWS = 20
"""Studies that the live table shows; those that run first."""
_ORDER = {"running": 0, "failed": 1, "waiting": 2, "done": 3}


class SweepDisplay:
    """Shows a sweep on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._states: dict[str, dict[str, Any]] = {}
        self._live: Live | None = None

    def began(self, cells: Sequence[str], finished: Mapping[str, Outcome]) -> None:
        """All studies wait, but for those that are finished."""
        self._states = {name: {"state": "waiting"} for name in cells}
        for name, outcome in finished.items():
            self._states[name] = dict(outcome.__dict__)
        if finished and not self._console.is_terminal:
            self._line(f"{len(finished)} of {len(cells)} studies are finished already")

    def told(self, cell: str, state: Mapping[str, Any]) -> None:
        """Show what has become known of a study."""
        self._states[cell] |= {key: state[key] for key in _SHOWN if key in state}
        if self._console.is_terminal:
            if self._live is None:
                # The table takes the place of the bars of preparations, which are over by now.
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(self._table(), refresh=True)
        elif state.get("state") in ("done", "failed"):
            self._line(f"{cell}  {_progress(self._states[cell])}  ({self._n('done')}/{len(self._states)})")

    def ended(self) -> None:
        """Take the table away: the summary follows."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _n(self, state: str) -> int:
        return sum(s["state"] == state for s in self._states.values())

    def _table(self) -> Table:
        counts = ", ".join(f"{self._n(state)} {state}" for state in _ORDER if self._n(state))
        table = Table(title=f"{len(self._states)} studies: {counts}", title_justify="left", box=None, pad_edge=False)
        for heading, side in (("study", "left"), ("state", "left"), ("trials", "right"), ("hypervolume", "right")):
            table.add_column(heading, justify="left" if side == "left" else "right")
        shown = sorted(self._states.items(), key=lambda item: _ORDER[item[1]["state"]])
        for name, state in shown[:MAX_ROWS]:
            volume = state.get("hypervolume", math.nan)
            trials = f"{state['trials']:,}" if "trials" in state else ""
            total = f"/{state['total']:,}" if "total" in state else ""
            table.add_row(escape(name), state["state"], trials + total, f"{volume:.5g}" if volume == volume else "")
        if len(shown) > MAX_ROWS:
            table.add_row(f"and {len(shown) - MAX_ROWS} more", "", "", "")
        return table

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def print_summary(summary: Summary, console: Console) -> None:
    """One row for every setting."""
    console.print(_heading(summary))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for key in summary.rows[0].settings:
        table.add_column(escape(key))
    for heading in (
        "runs",
        "hypervolume\nmedian",
        "\nmin to max",
        "over baselines\nmedian",
        "front\nmedian",
        "time\nsum",
    ):
        table.add_column(heading, justify="right")
    for row in summary.rows:
        table.add_row(*(escape(str(value)) for value in row.settings.values()), *_cells(row))
    console.print(table)
    for reason in dict.fromkeys(reason for row in summary.rows for reason in row.document()["reasons"]):
        console.print(f"failed: {escape(reason)}")


def _heading(summary: Summary) -> str:
    n = sum(len(row.outcomes) for row in summary.rows)
    failed = f", {summary.n_failed} failed" if summary.n_failed else ""
    return f"[bold]Sweep {escape(summary.name)}, {n} studies{failed}[/bold]"


def _cells(row: Row) -> list[str]:
    document = row.document()
    n_failed = f" ({document['n_failed']} failed)" if document["n_failed"] else ""
    volume, gain = document["hypervolume"], document["gain_over_baselines"]
    return [
        f"{document['n_done']}{n_failed}",
        f"{volume['median']:.5g}" if volume else "-",
        f"{volume['min']:.5g} to {volume['max']:.5g}" if volume else "-",
        f"{100 * gain['median']:+.1f} %" if gain else "-",
        f"{document['front']:g}" if document["front"] is not None else "-",
        duration(document["seconds"]),
    ]


_SHOWN = ("state", "trials", "total", "hypervolume", "front", "reason")


def _progress(state: Mapping[str, Any]) -> str:
    if state["state"] == "failed":
        return "failed"
    return f"done  {state.get('trials', 0):,} trials  hypervolume {state.get('hypervolume', 0.0):.5g}"
