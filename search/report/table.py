"""Plain HTML tables: the front beside its baselines, runs compared, what did not finish."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.report.heatmap import ordered_members, ordering
from search.report.text import configuration_lines, html_text, number
from search.report.view import Member, RunView, Split


@dataclass(frozen=True)
class Cell:
    """One cell; nothing in it is escaped.

    Attributes:
        text: What is read.
        sort: What the column is sorted by, if that is a number.
        is_text: Whether it is aligned as text and not as a number.
    """

    text: str
    sort: float | None = None
    is_text: bool = False

    def html(self) -> str:
        """The `td` element."""
        sort = "" if self.sort is None else f' data-sort="{self.sort:.9g}"'
        css_class = ' class="text"' if self.is_text else ""
        return f"<td{sort}{css_class}>{html_text(self.text, 400)}</td>"


@dataclass(frozen=True)
class Row:
    """One row of a table; those with a key can be clicked."""

    cells: Sequence[Cell]
    key: str = ""
    css_class: str = ""

    def html(self) -> str:
        """The `tr` element."""
        key = f' data-key="{html_text(self.key)}" tabindex="0"' if self.key else ""
        css_class = f' class="{self.css_class}"' if self.css_class else ""
        return f"<tr{key}{css_class}>{''.join(cell.html() for cell in self.cells)}</tr>"


def table(headings: Sequence[str], rows: Sequence[Row], is_sortable: bool = True) -> str:
    """An HTML table; headings of a sortable one are buttons that the page listens to."""
    heads = "".join(_heading(text, rows, i, is_sortable) for i, text in enumerate(headings))
    body = "".join(row.html() for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _heading(text: str, rows: Sequence[Row], column: int, is_sortable: bool) -> str:
    css_class = ' class="text"' if rows and rows[0].cells[column].is_text else ""
    shown = html_text(text, 60)
    content = f'<button type="button">{shown}</button>' if is_sortable else shown
    return f'<th scope="col"{css_class}>{content}</th>'


def front_table(run: RunView) -> str:
    """Front, baselines and references, ordered as the heat maps: both splits of metrics, costs, configuration."""
    columns = _columns(run)
    headings = ["trial", "", *(heading for heading, _, _ in columns), "configuration"]
    name = ordering(run)
    beside = sorted([*run.baselines, *run.references], key=lambda m: m.key)
    everyone = sorted([*ordered_members(run), *beside], key=lambda m: (_order(m, name), m.key[0] != "f"))
    return table(headings, [_member_row(run, m, columns) for m in everyone])


def _order(member: Member, name: str) -> float:
    """By the value on validation or, of what is known on test alone, on test; without one, last."""
    splits: tuple[Split, Split] = ("validation", "test")
    values = (member.value(name, split) for split in splits)
    return next((value for value in values if value is not None), math.inf)


def comparison_table(rows: Iterable[tuple[RunView, float | None, float | None, float]]) -> str:
    """Runs beside each other.

    Args:
        rows: Each run with its hypervolume at the shared reference point, that of its baselines, and the seconds
            spent on evaluations.
    """
    found = list(rows)
    best = max((volume for _, volume, _, _ in found if volume is not None), default=0.0)
    headings = ["run", "study", "trials", "front", "hypervolume", "of the best", "baselines", "evaluation time (s)"]
    return table(headings, [Row(_comparison_cells(*row, best)) for row in found])


def unfinished_table(rows: Iterable[tuple[str, str, int]]) -> str:
    """Why trials are not done, most frequent first."""
    cells = ([Cell(s, is_text=True), Cell(r or "–", is_text=True), Cell(number(n), n)] for s, r, n in rows)
    return table(["state", "reason", "trials"], [Row(row) for row in cells], is_sortable=False)


def _columns(run: RunView) -> list[tuple[str, str, Split]]:
    """Heading, name and split of every column of values."""
    everyone = (*run.members, *run.baselines, *run.references)
    metrics = dict.fromkeys(name for m in everyone for split in m.metrics.values() for name in split)
    names = dict.fromkeys([*run.objectives, *metrics, *run.cost_names])
    tested = {name for m in everyone for name in m.metrics["test"]}
    columns: list[tuple[str, str, Split]] = []
    for name in names:
        title = run.quantity(name).title
        columns.append((title, name, "validation"))
        if name in tested:
            columns.append((f"{title}, test", name, "test"))
    return columns


def _member_row(run: RunView, member: Member, columns: Sequence[tuple[str, str, Split]]) -> Row:
    values = [_value_cell(run, member, name, split) for _, name, split in columns]
    configuration = "; ".join(configuration_lines(member.configuration))
    kind = member.label or ("front" if run.is_feasible else "least violating")
    cells = [
        Cell("–") if member.trial is None else Cell(str(member.trial), member.trial),
        Cell(kind, is_text=True),
        *values,
        Cell(configuration, is_text=True),
    ]
    css_class = "reference" if member.trial is None else "baseline" if member.label else ""
    return Row(cells, member.key, css_class)


def _value_cell(run: RunView, member: Member, name: str, split: Split) -> Cell:
    shown, value = run.quantity(name), member.value(name, split)
    if value is None:
        return Cell("–")
    return Cell(shown.text(value, member.standard_error(name, split)), value)


def _comparison_cells(
    run: RunView, volume: float | None, baselines: float | None, seconds: float, best: float
) -> list[Cell]:
    share = volume / best if volume is not None and best > 0 else None
    return [
        Cell(run.name, is_text=True),
        Cell(str(run.front["study"]), is_text=True),
        Cell(number(len(run.validation_records)), len(run.validation_records)),
        Cell(number(len(run.members)), len(run.members)),
        _number_cell(volume, 5),
        Cell("–") if share is None else Cell(f"{share * 100:.2f} %", share),
        _number_cell(baselines, 5),
        _number_cell(seconds, 3),
    ]


def _number_cell(value: float | None, digits: int) -> Cell:
    return Cell("–") if value is None else Cell(number(value, digits), value)
