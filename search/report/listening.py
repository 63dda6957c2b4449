"""Players for the sounds of a run, and its decisions over time."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import plotly.graph_objects as go

from search.illustrations import StoredSound, StoredSteps
from search.report.text import html_text, plotly_text
from search.report.theme import FRONT, SEQUENCE, figure
from search.report.view import Member, RunView


def players(run: RunView) -> str:
    """A table with a row for each way to process, a column for each example, and a player in each cell."""
    sounds = run.illustrations.sounds
    examples = list(dict.fromkeys(sound.example for sound in sounds))
    kinds = list(dict.fromkeys((sound.title, sound.trial) for sound in sounds))
    at = {(sound.title, sound.trial, sound.example): sound for sound in sounds}
    heads = "".join(f'<th scope="col" class="text">{html_text(example, 90)}</th>' for example in ("", *examples))
    rows = "".join(
        _row(run, title, trial, [at.get((title, trial, example)) for example in examples]) for title, trial in kinds
    )
    table = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="players">{table}</table></div>'


def drawn_steps(run: RunView) -> dict[str, list[StoredSteps]]:
    """Key of a front member -> its decisions over time, those of its parts in order, where they are known."""
    by_trial: dict[int | None, list[StoredSteps]] = {}
    for steps in run.illustrations.steps:
        of_trial = by_trial.setdefault(steps.trial, [])
        if not of_trial or of_trial[0].title == steps.title:
            of_trial.append(steps)
    return {member.key: by_trial[member.trial] for member in run.members if member.trial in by_trial}


def steps_figure(of_parts: Sequence[StoredSteps]) -> go.Figure:
    """A decision over time as a line of steps, those of several parts as a row of colors each."""
    return _line(of_parts[0]) if len(of_parts) == 1 else _rows(of_parts)


def _rows(of_parts: Sequence[StoredSteps]) -> go.Figure:
    first = of_parts[0]
    levels = [plotly_text(level, 30) for level in first.levels]
    trace = go.Heatmap(
        x=[round(i * first.step_ms / 1000, 4) for i in range(len(first.values))],
        y=[plotly_text(steps.part, 30) for steps in of_parts],
        z=[list(steps.values) for steps in of_parts],
        zmin=0,
        zmax=len(levels) - 1,
        colorscale=SEQUENCE,
        colorbar={"tickvals": [0, len(levels) - 1], "ticktext": [levels[0], levels[-1]]},
        hoverinfo="skip",
    )
    height = 120 + 26 * len(of_parts)
    return figure([trace], height, xaxis={"title": {"text": "time (s)"}}, yaxis={"autorange": "reversed"})


def _line(steps: StoredSteps) -> go.Figure:
    seconds = [round(i * steps.step_ms / 1000, 4) for i in range(len(steps.values))]
    levels = [plotly_text(level, 30) for level in steps.levels]
    line = {"color": FRONT, "width": 1.5, "shape": "hv"}
    trace = go.Scatter(x=seconds, y=list(steps.values), mode="lines", line=line, hoverinfo="skip")
    ticks = {"tickvals": list(range(len(levels))), "ticktext": levels, "range": [-0.3, len(levels) - 0.7]}
    return figure([trace], 240, xaxis={"title": {"text": "time (s)"}}, yaxis=ticks, showlegend=False)


def _row(run: RunView, title: str, trial: int | None, sounds: Sequence[StoredSound | None]) -> str:
    member = next((m for m in run.members if trial is not None and m.trial == trial), None)
    key = "" if member is None else f' data-key="{html_text(member.key)}" tabindex="0"'
    name = html_text(title or f"trial {trial}", 60)
    shown = [] if member is None else [f"{run.quantity(o).label} {_shown(run, member, o)}" for o in run.objectives]
    note = f"<small>{html_text(', '.join(shown))}</small>" if shown else ""
    knee = " – the knee" if member is not None and member is run.knee else ""
    cells = "".join(f'<td class="text">{"–" if sound is None else _player(sound)}</td>' for sound in sounds)
    return f'<tr{key}><th scope="row" class="text">{name}{knee}{note}</th>{cells}</tr>'


def _shown(run: RunView, member: Member, name: str) -> str:
    tested = member.value(name, "test")
    return run.quantity(name).show(member.value(name) if tested is None else tested)


def _player(sound: StoredSound) -> str:
    content = base64.b64encode(sound.content).decode("ascii")
    kind = "audio/flac" if sound.format == "flac" else "audio/wav"
    label = html_text(f"{sound.title or f'trial {sound.trial}'}, {sound.example}")
    return f'<audio controls preload="none" aria-label="{label}" src="data:{kind};base64,{content}"></audio>'
