"""The clips section: the scores of the selected member, clip by clip."""

from __future__ import annotations

from collections.abc import Sequence

from evaluators.clip_tables import NAME, REASONS, TEXTS, ClipRow
from search.report.quantities import quantity
from search.report.table import Cell, Row, table
from search.report.text import html_text
from search.report.view import Member, Split

MARK = "†"


def members_with_clips(members: Sequence[Member]) -> list[Member]:
    """Those whose scores are known clip by clip."""
    return [member for member in members if any(member.clips.values())]


def clip_tables(members: Sequence[Member], first: Member) -> str:
    """A sortable table for each member, of which the page shows the one that is selected.

    Args:
        members: With clips.
        first: Whose table is shown until another member is selected.
    """
    return "".join(_block(member, is_hidden=member is not first) for member in members)


def shown_split(member: Member) -> Split:
    """Test, as far as the member was scored there."""
    return "test" if member.clips.get("test") else "validation"


def _block(member: Member, *, is_hidden: bool) -> str:
    split = shown_split(member)
    rows = member.clips[split]
    hidden = " hidden" if is_hidden else ""
    title = f'<p class="selection">{html_text(member.title)}<small>{len(rows)} clips of {split}</small></p>'
    return f'<div data-of="{html_text(member.key)}"{hidden}>{title}{_table(rows)}</div>'


def _table(rows: Sequence[ClipRow]) -> str:
    metrics = list(dict.fromkeys(key for row in rows for key in row if key not in TEXTS))
    are_marked = any(row.get(REASONS) for row in rows)
    headings = [NAME, *(quantity(name, _extent(rows, name)).title for name in metrics)]
    headings += ["not measured"] if are_marked else []
    return table(headings, [_row(row, rows, metrics, are_marked) for row in rows])


def _row(row: ClipRow, rows: Sequence[ClipRow], metrics: Sequence[str], are_marked: bool) -> Row:
    reasons = str(row.get(REASONS, ""))
    # Reasons are told as `pesq: the clip is too short; stoi: ...`.
    marked = {part.split(":", 1)[0].strip() for part in reasons.split(";")} if reasons else set()
    cells = [Cell(str(row[NAME]), is_text=True)]
    for name in metrics:
        value = row.get(name)
        if not isinstance(value, int | float):
            cells.append(Cell(f"– {MARK}" if name in marked else "–"))
            continue
        text = quantity(name, _extent(rows, name)).text(value)
        cells.append(Cell(f"{text} {MARK}" if name in marked else text, value))
    return Row([*cells, Cell(reasons, is_text=True)] if are_marked else cells)


def _extent(rows: Sequence[ClipRow], name: str) -> tuple[float, float]:
    values = [value for row in rows if isinstance(value := row.get(name), int | float)]
    return (min(values), max(values)) if values else (0.0, 0.0)
