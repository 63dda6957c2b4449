"""Puts the report together: one page that needs nothing but itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from plotly.offline import get_plotlyjs

from evaluators.storage import write_atomically
from search.report.breakdown import default_member
from search.report.cards import Section
from search.report.sections import comparison_sections, run_sections
from search.report.summary import key_figures
from search.report.text import html_text, script_json
from search.report.theme import RUN_COLORS, template
from search.report.view import RunView, aligned


def write_report(runs: Sequence[RunView], path: Path) -> None:
    """Write the report of one run, or of several laid over each other, as one HTML file that fetches nothing.

    The file is written whole or not at all.

    Raises:
        ValueError: If there is no run.
        OSError: If the file cannot be written.
    """
    write_atomically(path, report_html(runs).encode())


def report_html(runs: Sequence[RunView]) -> str:
    """The page as text.

    Raises:
        ValueError: If there is no run.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    shown = aligned(runs)
    shared = list(comparison_sections(shown)) if len(shown) > 1 else []
    single = [list(run_sections(run, f"run-{i}")) for i, run in enumerate(shown)]
    everything = itertools.chain(shared, *single)
    figures = {key: spec for section in everything for key, spec in section.figures.items()}
    studies = ", ".join(dict.fromkeys(html_text(run.front["study"]) for run in shown))
    return Template(_asset("page.html")).substitute(
        title=f"{studies} – tinypareto",
        style=_asset("page.css"),
        body="\n".join([_header(studies, shown), _navigation(shown, shared, single), _main(shown, shared, single)]),
        data=script_json({"figures": figures, "templates": {scheme: template(scheme) for scheme in ("light", "dark")}}),
        plotly=get_plotlyjs(),
        script=_asset("page.js"),
    )


def _asset(name: str) -> str:
    return (files("search.report") / name).read_text(encoding="utf-8")


def _header(studies: str, runs: Sequence[RunView]) -> str:
    objectives = (run.quantity(objective).label for run in runs for objective in run.objectives)
    optimizers = (str(run.front["optimizer"]["name"]) for run in runs if run.front.get("optimizer"))
    targets = (run.front["target"] for run in runs if run.front.get("target"))
    # Generations are the rule and need no word.
    modes = (run.front["mode"] for run in runs if run.front.get("mode", "generations") != "generations")
    named = {"objectives": objectives, "target": targets, "optimizer": optimizers, "mode": modes}
    lists = {title: ", ".join(dict.fromkeys(values)) for title, values in named.items()}
    facts = " · ".join(f"{title}: {html_text(text, 300)}" for title, text in lists.items() if text)
    return f'<header><p class="eyebrow">tinypareto</p><h1>{studies}</h1><p class="facts">{facts}</p></header>'


def _navigation(runs: Sequence[RunView], shared: Sequence[Section], single: Sequence[Sequence[Section]]) -> str:
    entries = [(section.anchor, section.title) for section in shared]
    if len(runs) == 1:
        entries += [(section.anchor, section.title) for section in single[0]]
    else:
        entries += [(f"run-{i}", run.name) for i, run in enumerate(runs)]
    links = "".join(f'<li><a href="#{anchor}">{html_text(title, 40)}</a></li>' for anchor, title in entries)
    return f"<nav><ul>{links}</ul></nav>"


def _main(runs: Sequence[RunView], shared: Sequence[Section], single: Sequence[Sequence[Section]]) -> str:
    blocks = "".join(_run_block(run, i, single[i], len(runs) == 1) for i, run in enumerate(runs))
    noscript = '<noscript><p class="notice">The figures need JavaScript; the tables do without.</p></noscript>'
    return f"<main>{noscript}{''.join(card(section) for section in shared)}{blocks}</main>"


def _run_block(run: RunView, index: int, sections: Sequence[Section], is_alone: bool) -> str:
    first = default_member(run)
    selected = "" if first is None else f' data-selected="{first.key}"'
    content = f"{_key_figures(run)}{''.join(card(section) for section in sections)}{_facts(run)}"
    if is_alone:
        return f'<div id="run-{index}" data-run="{index}"{selected}>{content}</div>'
    dot = f'<i style="background:{RUN_COLORS[index % len(RUN_COLORS)]}"></i>'
    summary = f"<summary>{dot}{html_text(run.name)}</summary>"
    return f'<details class="run" id="run-{index}" data-run="{index}"{selected}>{summary}{content}</details>'


def _key_figures(run: RunView) -> str:
    cards = "".join(
        f'<div class="key-figure"><dt>{html_text(f.label)}</dt><dd class="value">{html_text(f.value)}</dd>'
        f'<dd class="note">{html_text(f.note)}</dd></div>'
        for f in key_figures(run)
    )
    return f'<dl class="key-figures">{cards}</dl>'


def card(section: Section) -> str:
    """One section of a page."""
    return (
        f'<section class="card" id="{section.anchor}"><h2>{html_text(section.title)}</h2>'
        f'<p class="caption">{html_text(section.caption, 800)}</p>{section.body}</section>'
    )


def _facts(run: RunView) -> str:
    """What the run was: its system, target, optimizer, bounds and the versions that made it."""
    names = ("system", "target", "optimizer", "mode", "constraints", "stopped", "versions")
    rows = "".join(
        f"<dt>{_FACT_TITLES.get(name, name)}</dt><dd>{html_text(_flat(run.front[name]), 2000)}</dd>"
        for name in names
        if run.front.get(name)
    )
    name = f"<dt>name</dt><dd>{html_text(run.name)}</dd>"
    return f'<section class="card"><h2>Run</h2><dl class="run-facts">{name}{rows}</dl></section>'


_FACT_TITLES = {"stopped": "ended by"}


def _flat(value: Any) -> str:
    """A nested value in one line."""
    return ", ".join(_items(value)) if isinstance(value, Mapping | list | tuple) else str(value)


def _items(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _items(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield f"{path} {', '.join(map(str, value))}".strip()
    else:
        yield f"{path} {value}".strip()
