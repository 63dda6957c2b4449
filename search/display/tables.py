"""Tables for the terminal: the front with its baselines, costs by operator, lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cost_models import OperatorCost, TimedOperatorCost
from search.display.numbers import number, unit_of

Item = TypeVar("Item")

MAX_ROWS = 24
"""Longer fronts are thinned evenly in the terminal; the files have all of them."""
MAX_COLUMNS = 5


def print_front(document: Mapping[str, Any], console: Console) -> None:
    """The front with baselines and references beside it, or below it where the terminal is narrow."""
    tables = [_front_table(document), _labelled_table("Homogeneous baselines", document["baselines"], document)]
    if references := document.get("references"):
        tables.append(_labelled_table("References", references, document))
    console.print(Columns(tables, padding=(0, 3)))
    console.print(_summary(document))


def print_costs(operators: Sequence[OperatorCost], costs: Mapping[str, float], console: Console) -> None:
    """What every operator adds, and the costs of the whole."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("operator")
    table.add_column("kind", style="dim")
    is_timed = any(isinstance(op, TimedOperatorCost) for op in operators)
    for heading in ("MACs", "parameters", "bits", "weights B", "constants B", *(["cycles"] if is_timed else [])):
        table.add_column(heading, justify="right")
    for op in operators:
        table.add_row(
            escape(op.name),
            escape(op.kind),
            f"{op.macs:,.0f}",
            f"{op.parameters:,}",
            str(op.weight_bits) if op.weight_bytes else "",
            f"{op.weight_bytes:,}",
            f"{op.constant_bytes:,}",
            *([f"{op.cycles:,.0f}"] if isinstance(op, TimedOperatorCost) else []),
        )
    console.print(table)
    console.print()
    console.print(_pairs((name, f"{number(name, value)} {unit_of(name)}".strip()) for name, value in costs.items()))


def print_baseline_costs(baselines: Sequence[tuple[str, Mapping[str, float]]], console: Console) -> None:
    """The costs of the baselines, one row a cost; of many baselines some."""
    shown = _thinned(baselines, MAX_COLUMNS)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("cost of a trial")
    for label, _ in shown:
        table.add_column(escape(label), justify="right")
    for name in shown[0][1] if shown else ():
        unit = unit_of(name)
        table.add_row(escape(f"{name} ({unit})" if unit else name), *(number(name, costs[name]) for _, costs in shown))
    console.print(table)


def print_list(rows: Iterable[tuple[str, str]], console: Console) -> None:
    """Names, each with its description."""
    console.print(_pairs(rows))


def _front_table(document: Mapping[str, Any]) -> RenderableType:
    trials = document["trials"]
    title = f"Pareto front, {len(trials)} of {document['n_trials']} trials"
    if not document["is_feasible"]:
        title = "No trial keeps to every constraint; these violate them least"
    table = _objective_table(title, "trial", document)
    for trial in _thinned(trials, MAX_ROWS):
        mark = " knee" if trial["trial"] == document["knee"] else ""
        table.add_row(f"{trial['trial']}{mark}", *_values(trial, document))
    hidden = len(trials) - len(_thinned(trials, MAX_ROWS))
    return Group(table, Text(f"and {hidden} more between them", style="dim")) if hidden else table


def _labelled_table(title: str, points: Iterable[Mapping[str, Any]], document: Mapping[str, Any]) -> RenderableType:
    table = _objective_table(title, "", document)
    for point in points:
        table.add_row(escape(point["label"]), *_values(point, document))
    return table


def _objective_table(title: str, first: str, document: Mapping[str, Any]) -> Table:
    table = Table(title=title, box=None, header_style="bold", title_justify="left", title_style="bold", pad_edge=False)
    table.add_column(first)
    for name in document["objectives"]:
        unit = unit_of(name)
        table.add_column(escape(f"{name}\n{unit}" if unit else name), justify="right")
        if _has_test(document, name):
            table.add_column("on test\n± s.e.", justify="right")
    return table


def _has_test(document: Mapping[str, Any], name: str) -> bool:
    return any(name in trial["test"] for trial in (*document["trials"], *document["baselines"]))


def _values(trial: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    cells = []
    for name in document["objectives"]:
        if name in trial["costs"]:
            cells.append(number(name, trial["costs"][name]))
            continue
        cells.append(number(name, trial["validation"][name]) if name in trial["validation"] else "-")
        if name in trial["test"]:
            error = trial["test_standard_errors"].get(name)
            cells.append(number(name, trial["test"][name]) + (f" ± {number(name, error)}" if error is not None else ""))
        elif _has_test(document, name):
            cells.append("-")
    return cells


def _summary(document: Mapping[str, Any]) -> Text:
    gained, base = document["hypervolume"], document["baseline_hypervolume"]
    states = ", ".join(f"{n} {state}" for state, n in document["states"].items())
    text = f"\nhypervolume {gained:.5g}"
    if base > 0:
        text += f", homogeneous baselines alone {base:.5g} ({100 * (gained / base - 1):+.1f} %)"
    mode = "" if document.get("mode", "generations") == "generations" else f"; {document['mode']}: other runs differ"
    stopped = document.get("stopped", "")
    ended = f"; ended on a {stopped}" if stopped.startswith("plateau") else ""
    return Text(f"{text}; trials: {states}{ended}{mode}")


def _thinned(items: Sequence[Item], limit: int) -> Sequence[Item]:
    """At most `limit` of the items, evenly spread, both ends included."""
    if len(items) <= limit:
        return items
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def _pairs(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(escape(name), escape(text))
    return table
