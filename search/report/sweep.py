"""The page that compares the studies of a sweep: spread over seeds, growth, and the fronts of median runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from evaluators.storage import write_atomically
from search.report.cards import Section, single_figure
from search.report.comparison import are_comparable, overlay_figure
from search.report.embedding import embedded
from search.report.hypervolume import Growth, growth, worst_reference
from search.report.page import card
from search.report.table import Cell, Row, table
from search.report.text import html_text, number, plotly_lines, plotly_text, script_json
from search.report.theme import EVALUATED, RUN_COLORS, figure, template
from search.report.view import RunView, aligned
from search.run import Run
from search.sweep.spec import Sweep
from search.sweep.summary import Row as SummaryRow
from search.sweep.summary import Summary, titled

_POINTS = 200
"""At which the median growth is drawn."""


def write_sweep_report(sweep: Sweep, summary: Summary, folder: Path, path: Path) -> None:
    """Write the page; it fetches nothing, and is there whole or not at all.

    Args:
        sweep: What was swept.
        summary: What came of it.
        folder: Holds the run directories.
        path: The page.

    Raises:
        OSError: If it cannot be written.
    """
    sections = [_table(summary), *_spread(summary), *_problems(summary, folder)]
    figures = {key: spec for section in sections for key, spec in section.figures.items()}
    assets = files("search.report")
    page = Template((assets / "page.html").read_text(encoding="utf-8")).substitute(
        title=f"{html_text(summary.name)} – tinypareto",
        style=(assets / "page.css").read_text(encoding="utf-8"),
        body="\n".join(
            [_header(sweep, summary), _navigation(sections), f"<main>{''.join(map(card, sections))}</main>"]
        ),
        data=script_json({"figures": figures, "templates": {s: template(s) for s in ("light", "dark")}}),
        plotly=get_plotlyjs(),
        script=(assets / "page.js").read_text(encoding="utf-8"),
    )
    write_atomically(path, page.encode())


def _header(sweep: Sweep, summary: Summary) -> str:
    axes = dict.fromkeys(key for cell in sweep.cells for key in cell.settings)
    n = sum(len(row.outcomes) for row in summary.rows)
    facts = f"{n} studies, {summary.n_failed} failed · grid: {html_text(', '.join(axes), 300)}"
    return (
        f'<header><p class="eyebrow">tinypareto sweep</p><h1>{html_text(summary.name)}</h1>'
        f'<p class="facts">{facts}</p></header>'
    )


def _navigation(sections: Sequence[Section]) -> str:
    links = "".join(f'<li><a href="#{s.anchor}">{html_text(s.title, 60)}</a></li>' for s in sections)
    return f"<nav><ul>{links}</ul></nav>"


def _table(summary: Summary) -> Section:
    axes = list(dict.fromkeys(key for row in summary.rows for key in row.settings))
    headings = [*axes, "runs", "failed", "hypervolume, median", "quartiles", "min to max", "over baselines", "front"]
    rows = [Row(list(_cells(row, axes))) for row in summary.rows]
    caption = (
        "One row for every setting, over its seeds. Hypervolumes are on validation, each at the reference point of "
        "its own study: compare them within one study, target and system."
    )
    reasons = dict.fromkeys(reason for row in summary.rows for reason in row.document()["reasons"])
    failures = "".join(f"<p>failed: {html_text(reason, 400)}</p>" for reason in reasons)
    return Section("summary", "Summary", caption, table(headings, rows) + failures)


def _cells(row: SummaryRow, axes: Sequence[str]) -> Iterator[Cell]:
    document = row.document()
    volume, gain = document["hypervolume"], document["gain_over_baselines"]
    yield from (Cell(str(row.settings.get(axis, "")), is_text=True) for axis in axes)
    yield Cell(str(document["n_done"]), document["n_done"])
    yield Cell(str(document["n_failed"]), document["n_failed"])
    if volume is None:
        yield from (Cell("–") for _ in range(3))
    else:
        yield Cell(number(volume["median"], 5), volume["median"])
        yield Cell(f"{number(volume['quartile_1'], 5)} to {number(volume['quartile_3'], 5)}", volume["quartile_1"])
        yield Cell(f"{number(volume['min'], 5)} to {number(volume['max'], 5)}", volume["min"])
    yield Cell("–" if gain is None else f"{100 * gain['median']:+.1f} %", None if gain is None else gain["median"])
    yield Cell("–" if document["front"] is None else f"{document['front']:g}", document["front"])


def _spread(summary: Summary) -> Iterator[Section]:
    """Every run as a point, so that chance and difference can be told apart."""
    traces: list[Any] = []
    titles = [plotly_text(row.title, 60) for row in summary.rows]
    for row, title in zip(summary.rows, titles, strict=True):
        gains = [(100 * (o.hypervolume / o.baseline_hypervolume - 1), c) for o, c in _measured(row)]
        if not gains:
            continue
        values = [gain for gain, _ in gains]
        hover = [plotly_lines([name, f"{gain:+.2f} % over the baselines"]) for gain, name in gains]
        marker: dict[str, Any] = {"size": 9, "color": RUN_COLORS[0], "opacity": 0.7}
        median = float(np.median(values))
        traces.append(
            go.Scatter(
                x=values, y=[title] * len(values), mode="markers", marker=marker, hovertext=hover, hoverinfo="text"
            )
        )
        line = {"size": 22, "symbol": "line-ns", "line": {"width": 3, "color": EVALUATED}}
        text = [plotly_lines([row.title, f"median {median:+.2f} %"])]
        traces.append(go.Scatter(x=[median], y=[title], mode="markers", marker=line, hovertext=text, hoverinfo="text"))
    if not traces:
        return
    for trace in traces:
        trace.showlegend = False
    axis = {"title": {"text": "hypervolume over that of the homogeneous baselines (%)"}}
    order = {"categoryorder": "array", "categoryarray": titles[::-1]}
    drawn = figure(traces, 140 + 44 * len(titles), xaxis=axis, yaxis=order)
    caption = (
        "Each point is a study, each bar the median of a setting: what lies apart by less than the points is chance."
    )
    yield single_figure("spread", "Spread over seeds", caption, embedded(drawn), 560)


def _measured(row: SummaryRow) -> Iterator[tuple[Any, str]]:
    for outcome, cell in zip(row.outcomes, row.cells, strict=True):
        if outcome.state == "done" and outcome.baseline_hypervolume > 0:
            yield outcome, cell


def _problems(summary: Summary, folder: Path) -> Iterator[Section]:
    """For each problem (study, system, target) its settings beside each other."""
    groups: dict[str, list[SummaryRow]] = {}
    for row in summary.rows:
        groups.setdefault(json.dumps(row.problem, sort_keys=True, default=str), []).append(row)
    for index, rows in enumerate(groups.values()):
        name = ", ".join(titled(key, value) for key, value in rows[0].problem.items())
        runs = {row.title: _runs(row, folder) for row in rows}
        yield from _growth(runs, name, f"growth-{index}")
        yield from _fronts(rows, folder, name, f"fronts-{index}")


def _runs(row: SummaryRow, folder: Path) -> list[RunView]:
    done = [cell for cell, o in zip(row.cells, row.outcomes, strict=True) if o.state == "done"]
    return [_view(folder / cell, cell) for cell in done]


def _view(path: Path, name: str) -> RunView:
    run = Run.open(path)
    return RunView(name, run.front(), run.records())


def _growth(runs: Mapping[str, Sequence[RunView]], name: str, anchor: str) -> Iterator[Section]:
    everything = [run for of_row in runs.values() for run in of_row]
    reference = worst_reference(everything) if everything and are_comparable(everything) else None
    if reference is None:
        return
    traces: list[Any] = []
    for index, (title, of_row) in enumerate(runs.items()):
        if of_row:
            color = RUN_COLORS[index % len(RUN_COLORS)]
            traces += _median_growth([growth(run, reference) for run in of_row], title, color)
    drawn = figure(
        traces,
        380,
        xaxis={"title": {"text": "evaluated trials"}, "type": "log"},
        yaxis={"title": {"text": "hypervolume"}, "exponentformat": "SI"},
    )
    caption = (
        "Median over the seeds, and from the least to the most of them as a band; on validation, one corner for all."
    )
    yield single_figure(anchor, _titled("Hypervolume", name), caption, embedded(drawn), 560)


def _median_growth(growths: Sequence[Growth], title: str, color: str) -> Iterator[Any]:
    end = max(grown.n_evaluations[-1] for grown in growths)
    at = np.unique(np.rint(np.geomspace(1, max(end, 1), _POINTS)))
    # A run that has ended keeps what it has found.
    lines = np.array([_steps(grown, at) for grown in growths])
    low, middle, high = lines.min(axis=0), np.median(lines, axis=0), lines.max(axis=0)
    band = {"x": [*at.tolist(), *at[::-1].tolist()], "y": [*high.tolist(), *low[::-1].tolist()]}
    yield go.Scatter(
        **band, fill="toself", fillcolor=f"{color}30", line={"width": 0}, hoverinfo="skip", showlegend=False
    )
    yield go.Scatter(
        x=at.tolist(),
        y=middle.tolist(),
        mode="lines",
        line={"color": color, "width": 2},
        name=plotly_text(title, 40),
        hovertext=[
            plotly_lines([title, f"{n:g} evaluations", f"hypervolume {v:.5g}"]) for n, v in zip(at, middle, strict=True)
        ],
        hoverinfo="text",
    )


def _steps(grown: Growth, at: Any) -> Any:
    """The hypervolume after so many evaluations."""
    index = np.searchsorted(np.array(grown.n_evaluations), at, side="right") - 1
    return np.array(grown.hypervolume)[index]


def _fronts(rows: Sequence[SummaryRow], folder: Path, name: str, anchor: str) -> Iterator[Section]:
    medians = [(row.title, cell) for row in rows if (cell := row.median_run()) is not None]
    runs = aligned([_view(folder / cell, title) for title, cell in medians[: len(RUN_COLORS)]])
    if not runs or not are_comparable(runs):
        return
    caption = (
        "Of every setting the run with the median hypervolume: filled marks on validation, open marks on test with one "
        "standard error; baselines in gray."
    )
    yield single_figure(anchor, _titled("Fronts", name), caption, embedded(overlay_figure(runs)), 560)


def _titled(title: str, name: str) -> str:
    return f"{title}: {name}" if name else title
