"""Tables of a race: median and quartiles of the hypervolume after some numbers of evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.race.entries import CONTESTANTS, GROUPS, GUIDED
from benchmarks.race.results import Result, Results

MARKS = (50, 100, 150, 300, 500, 1000)
"""Numbers of evaluations in the tables."""


def write_tables(results: Results, folder: Path) -> None:
    """Write `race.md`: a summary, then one table for each problem that has results."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = [problem for group in GROUPS.values() for problem in group]
    lines = [*summary(results, problems), *(line for problem in problems for line in table(results, problem))]
    (folder / "race.md").write_text("\n".join(lines) + "\n")


def summary(results: Results, problems: Sequence[str]) -> Iterator[str]:
    """Medians of the guided search beside those of the peer that does best with the most evaluations all have made."""
    ours_at = "guided at 50 | at 100 | at 300 | at the end"
    yield f"| problem | {ours_at} | best peer then | evaluations | seeds | best peer later |"
    yield "|---|---|---|---|---|---|---|---|---|"
    everything = list(results.read().values())
    for problem in problems:
        found = [r for r in everything if r.problem == problem]
        ours = [r for r in found if r.contestant == GUIDED]
        if not ours or len(ours) == len(found):
            continue
        unit = unit_of(results, problem, found)
        end = max(mark for r in ours for mark in r.found)
        by_name = {n: [r for r in found if r.contestant == n and end in r.found] for n in CONTESTANTS if n != GUIDED}
        peers = {name: _median(runs, end, unit) for name, runs in by_name.items() if runs}
        best = max(peers, key=lambda name: peers[name])
        cells = [f"{_median(ours, m, unit):.1f}" for m in (50, 100, 300, end)]
        seeds = f"{len(ours)} / {len(by_name[best])}"
        later = _later([r for r in found if r.contestant != GUIDED], end, unit)
        yield f"| {problem} | {' | '.join(cells)} | {peers[best]:.1f} ({best}) | {end} | {seeds} | {later} |"
    yield ""


def _later(peers: Sequence[Result], end: int, unit: float) -> str:
    """The best peer's median with more evaluations than the guided search has made, if any has."""
    last = max(mark for r in peers for mark in r.found)
    if last <= end:
        return ""
    medians = {name: _median([r for r in peers if r.contestant == name], last, unit) for name in CONTESTANTS}
    best = max(medians, key=lambda name: np.nan_to_num(medians[name], nan=-np.inf))
    return f"{medians[best]:.1f} at {last:,} ({best})"


def unit_of(results: Results, problem: str, found: Sequence[Result]) -> float:
    """Hypervolume that counts as 100 %: of the reference front, or the best single result."""
    return results.reference(problem) or max(max(r.found.values()) for r in found) or 1.0


def _median(runs: Sequence[Result], mark: int, unit: float) -> float:
    """NaN where none has come so far."""
    values = [100 * r.found[mark] / unit for r in runs if mark in r.found]
    return float(np.median(values)) if values else float("nan")


def table(results: Results, problem: str) -> Iterator[str]:
    """Lines of one problem: per cent of the reference front, or of the best result where there is no reference."""
    found = [r for r in results.read().values() if r.problem == problem]
    if not found:
        return
    reference, unit = results.reference(problem), unit_of(results, problem, found)
    marks = [m for m in MARKS if any(m in r.found for r in found)]
    yield f"**{problem}** (100 = {'the reference front' if reference else 'the best single result'})\n"
    yield "| contestant | seeds | " + " | ".join(str(m) for m in marks) + " |"
    yield "|---|---|" + "---|" * len(marks)
    for name in CONTESTANTS:
        of_all = [r.found for r in found if r.contestant == name]
        if of_all:
            cells = (_cell([100 * one[m] / unit for one in of_all if m in one]) for m in marks)
            yield f"| {name} | {len(of_all)} | " + " | ".join(cells) + " |"
    yield ""


def _cell(values: list[float]) -> str:
    """Median, with quartiles where there are several."""
    if not values:
        return "-"
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.1f}" if len(values) == 1 else f"{middle:.1f} ({low:.1f} to {high:.1f})"
