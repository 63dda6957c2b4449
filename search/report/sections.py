"""The sections of the page: for each a caption that says how to read it, its figures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from search.records import TrialRecord
from search.report import (
    activity,
    breakdown,
    clips,
    heatmap,
    hypervolume,
    listening,
    matrix,
    parallel,
    predictions,
    sensitivity,
)
from search.report.cards import Section, place, sideways, single_figure
from search.report.comparison import are_comparable, overlay_figure
from search.report.embedding import embedded
from search.report.front import MAX_EVALUATED, front_figure
from search.report.points import Axes, axis_pairs, axis_quantity
from search.report.summary import unfinished
from search.report.table import comparison_table, front_table, unfinished_table
from search.report.text import clean, configuration_lines, html_text, number
from search.report.theme import BASELINE, EVALUATED, FRONT
from search.report.view import Member, RunView, point_value

_DETAIL = 400
"""Characters of a configuration that are shown."""


def run_sections(run: RunView, prefix: str) -> Iterator[Section]:
    """The sections of one run; those that it has nothing for are left out."""
    yield _front(run, f"{prefix}-front")
    if breakdown.breakdown_members(run):
        yield _breakdown(run, f"{prefix}-breakdown")
    if run.members or run.baselines:
        yield _table(run, f"{prefix}-table")
    yield from _listening(run, f"{prefix}-listening")
    yield from _activity(run, f"{prefix}-activity")
    yield from _steps(run, f"{prefix}-steps")
    yield from _predictions(run, f"{prefix}-predictions")
    yield from _clips(run, f"{prefix}-clips")
    if run.reference_point is not None and run.evaluated:
        yield _hypervolume([run], run.reference_point, f"{prefix}-hypervolume")
    yield from _parallel(run, f"{prefix}-parallel")
    yield from _matrix(run, f"{prefix}-matrix")
    yield from _heatmaps(run, f"{prefix}-knobs")
    yield from _sensitivity(run, f"{prefix}-sensitivity")
    yield from _unfinished(run, f"{prefix}-unfinished")


def comparison_sections(runs: Sequence[RunView]) -> Iterator[Section]:
    """What several runs have in common; nothing but a word where they have different objectives."""
    if not are_comparable(runs):
        caption = "The runs have different objectives, so they are shown one by one and share no figure."
        yield Section("comparison", "Comparison", caption, "")
        return
    reference = hypervolume.worst_reference(runs)
    yield _comparison(runs, reference)
    yield _overlay(runs)
    if reference is not None:
        yield _hypervolume(runs, reference, "comparison-hypervolume")


def _front(run: RunView, anchor: str) -> Section:
    points: list[Member | TrialRecord] = [*run.members, *run.baselines, *run.background]
    if not any(all(point_value(p, o) is not None for o in run.objectives) for p in points):
        return Section(anchor, "Front", "No trial was evaluated to the end: there is nothing to draw.", "")
    body, figures = _with_axes(run, anchor, lambda axes: front_figure(run, axes))
    return Section(anchor, "Front", " ".join(_front_caption(run)), body, figures)


def _front_caption(run: RunView) -> Iterator[str]:
    front = "the front" if run.is_feasible else "the trials that violate the constraints least, as none keeps to them,"
    yield f"Filled marks are {front} and the homogeneous baselines on validation, which the search saw;"
    if any(m.metrics["test"] for m in run.members):
        yield "open marks are the same configurations on test, with one standard error;"
    n_others = len(run.background)
    drawn = f"{number(MAX_EVALUATED)} of the {number(n_others)}" if n_others > MAX_EVALUATED else "all"
    yield f"faint: {drawn} other evaluated trials, on validation."
    if run.references:
        labels = clean(", ".join(m.label for m in run.references), _DETAIL)
        yield f"Diamonds are references that the space does not hold: {labels}."
    if breakdown.breakdown_members(run):
        yield "Click a mark to see what its operators cost."


def _with_axes(run: RunView, anchor: str, draw: Any) -> tuple[str, dict[str, Any]]:
    """A figure with a choice of its axes, where there is more than one pair of objectives."""
    pairs = axis_pairs(run)
    drawn = {str(i): draw(pair) for i, pair in enumerate(pairs)}
    figure_id = f"{anchor}-figure"
    options = "".join(
        f'<option value="{i}">{html_text(_pair_title(run, pair), 120)}</option>' for i, pair in enumerate(pairs)
    )
    choice = f'<label class="choice">Axes <select data-figure="{figure_id}">{options}</select></label>'
    body = (choice if len(pairs) > 1 else "") + place(figure_id, "data-ring")
    return body, {figure_id: embedded(drawn["0"], drawn if len(pairs) > 1 else {})}


def _pair_title(run: RunView, pair: Axes) -> str:
    x, y = (axis_quantity(run, axis).label for axis in pair)
    return f"{y} over {x}"


def _breakdown(run: RunView, anchor: str) -> Section:
    first = breakdown.default_member(run)
    assert first is not None, "there are members with a breakdown"
    members = breakdown.breakdown_members(run)
    figure_id = f"{anchor}-figure"
    breakdowns = breakdown.Breakdowns(run)
    spec = embedded(breakdowns.figure(first), {m.key: breakdowns.figure(m) for m in members})
    for member in members:
        spec["variants"][member.key]["title"] = _selection_text(run, member)
    title, detail = (html_text(text, _DETAIL) for text in _selection_text(run, first))
    selection = (
        f'<p class="selection"><span data-selection-title>{title}</span>'
        f"<small data-selection-detail>{detail}</small></p>"
    )
    caption = (
        "Bytes and MACs of every operator of the configuration selected in the front, the table or a heat map, at "
        "first the knee; gray ticks are those of the largest baseline."
    )
    body = selection + sideways(place(figure_id, "data-breakdown"), 560)
    return Section(anchor, "Cost by operator", caption, body, {figure_id: spec})


def _selection_text(run: RunView, member: Member) -> tuple[str, str]:
    knee = " – the knee" if member is run.knee else ""
    values = [f"{run.quantity(o).label} {run.quantity(o).show(member.value(o))}" for o in run.objectives]
    detail = "; ".join([*values, *configuration_lines(member.configuration)])
    return clean(member.title + knee), clean(detail, _DETAIL)


def _table(run: RunView, anchor: str) -> Section:
    beside = ", baselines and references" if run.references else " and baselines"
    caption = (
        f"Front{beside} by {run.quantity(heatmap.ordering(run)).label}, on validation and, where a heading says "
        "so, on test, with one standard error where it is known; click a heading to sort, a row to select."
    )
    return Section(anchor, "Table", caption, front_table(run))


def _listening(run: RunView, anchor: str) -> Iterator[Section]:
    shown = run.illustrations
    if not shown.sounds:
        return
    n_heard = len({sound.trial for sound in shown.sounds if sound.trial is not None})
    examples = len({sound.example for sound in shown.sounds})
    caption = (
        f"The beginnings of {examples} clips of test, as they came and as {n_heard} of the {len(run.members)} front "
        "members leave them, with their values on test; click a name to select the member."
    )
    if shown.n_left_out:
        caption += f" {shown.n_left_out} sounds are left out to keep the page small; they are in the run's folder."
    yield Section(anchor, "Listening", caption, listening.players(run))


def _activity(run: RunView, anchor: str) -> Iterator[Section]:
    members = activity.active_members(run)
    if not members:
        return
    chosen = breakdown.default_member(run) or run.knee
    first = chosen if chosen in members else members[0]
    figures = {member.key: activity.activity_figure(member.activity) for member in members}
    caption = "Shares that the selected configuration uses of what is there, measured on validation."
    figure_id = f"{anchor}-figure"
    body = sideways(place(figure_id, "data-follow"), 420)
    yield Section(anchor, "Activity", caption, body, {figure_id: embedded(figures[first.key], figures)})


def _steps(run: RunView, anchor: str) -> Iterator[Section]:
    drawn = listening.drawn_steps(run)
    if not drawn:
        return
    chosen = breakdown.default_member(run) or run.knee
    first = chosen.key if chosen is not None and chosen.key in drawn else next(iter(drawn))
    spec = embedded(
        listening.steps_figure(drawn[first]), {key: listening.steps_figure(steps) for key, steps in drawn.items()}
    )
    caption = f"{drawn[first][0].title}, by the selected configuration: what it spends where."
    figure_id = f"{anchor}-figure"
    yield Section(anchor, "Over time", caption, sideways(place(figure_id, "data-follow"), 560), {figure_id: spec})


def _predictions(run: RunView, anchor: str) -> Iterator[Section]:
    drawn = predictions.drawn_predictions(run)
    if not drawn:
        return
    chosen = breakdown.default_member(run) or run.knee
    first = chosen.key if chosen is not None and chosen.key in drawn else next(iter(drawn))
    figures = predictions.prediction_figures(drawn)
    caption = f"{drawn[first].title}, by the selected configuration; on the line both are equal."
    n = len(drawn[first].names)
    if n > predictions.MAX_POINTS:
        caption += f" {number(predictions.MAX_POINTS)} of the {number(n)} examples are drawn."
    figure_id = f"{anchor}-figure"
    body = sideways(place(figure_id, "data-follow"), 420)
    yield Section(anchor, "Predictions", caption, body, {figure_id: embedded(figures[first], figures)})


def _clips(run: RunView, anchor: str) -> Iterator[Section]:
    members = clips.members_with_clips([*run.members, *run.baselines, *run.references])
    if not members:
        return
    chosen = breakdown.default_member(run) or run.knee
    first = next((m for m in members if chosen is not None and m.key == chosen.key), members[0])
    caption = (
        "The selected configuration clip by clip, on test where it was scored there; click a heading to sort. "
        f"{clips.MARK} marks what could not be measured, with the reason: a clip that no output could be scored on has "
        "no value and is left out of the means, any other gets the metric's worst value."
    )
    yield Section(anchor, "Clips", caption, clips.clip_tables(members, first))


def _hypervolume(runs: Sequence[RunView], reference_point: hypervolume.Point, anchor: str) -> Section:
    growths = [hypervolume.growth(run, reference_point) for run in runs]
    overs: list[hypervolume.Over] = ["evaluations"]
    if any(grown.seconds[-1] > 0 for grown in growths):
        overs.append("time")
    corner = ", ".join(
        f"{runs[0].quantity(o).label} {runs[0].quantity(o).show(reference_point[o])}" for o in runs[0].objectives
    )
    caption = (
        f"How much the feasible trials so far dominate, on validation, up to the reference point {corner}; the earlier "
        "a line rises, the faster the search; values taken from an earlier run cost no time."
    )
    figures = {
        f"{anchor}-{over}": embedded(hypervolume.hypervolume_figure(runs, growths, reference_point, over))
        for over in overs
    }
    body = f'<div class="pair">{"".join(place(figure_id) for figure_id in figures)}</div>'
    return Section(anchor, "Hypervolume", caption, body, figures)


def _parallel(run: RunView, anchor: str) -> Iterator[Section]:
    figure = parallel.parallel_figure(run)
    if figure is None:
        return
    spec = embedded(figure, without_webgl=parallel.plain_parallel_figure(run))
    caption = (
        "Each line is a trial on validation, each axis an objective or cost with better values lower down; drag along "
        "an axis to keep only the lines through that range, drag its title to move it (both need WebGL)."
    )
    width = parallel.AXIS_WIDTH_PX * len(figure.data[0].dimensions)
    yield single_figure(anchor, "Parallel coordinates", caption, spec, width, _legend(run))


def _matrix(run: RunView, anchor: str) -> Iterator[Section]:
    figure = matrix.matrix_figure(run)
    if figure is None:
        return
    caption = (
        "Every pair of objectives, with further costs where the objectives are few, on validation; drag to zoom, all "
        "panels of a row and a column follow."
    )
    yield single_figure(anchor, "Scatter matrix", caption, embedded(figure), 150 * len(matrix.matrix_dimensions(run)))


def _heatmaps(run: RunView, anchor: str) -> Iterator[Section]:
    maps = heatmap.heatmap_figures(run)
    if not maps:
        return
    label = run.quantity(heatmap.ordering(run)).label
    caption = (
        f"What the knobs of every front member are set to, one column for each, from small to large {label} on "
        "validation; click a column to select its configuration."
    )
    ids = {kind: f"{anchor}-{i}" for i, kind in enumerate(maps)}
    body = "".join(f"<h3>{html_text(kind)}</h3>{sideways(place(ids[kind]), 520)}" for kind in maps)
    yield Section(anchor, "Knobs along the front", caption, body, {ids[k]: embedded(f) for k, f in maps.items()})


def _sensitivity(run: RunView, anchor: str) -> Iterator[Section]:
    objective = sensitivity.measured_objective(run)
    found = sensitivity.run_sensitivities(run)
    if objective is None or found is None:
        return
    drawn = min(len(found.knobs), sensitivity.MOST_KNOBS)
    caption = (
        f"What each knob alone does to the {run.quantity(objective).label} of the front, from its best to its worst "
        f"setting, on validation: a model of summed damages, fitted to {found.n_trials} trials, of whose variance it "
        f"explains {number(100 * found.explained, 3)} %; the bars span refits to trials drawn anew. Beside it "
        "Optuna's importance, a share of the variance over everything that was tried, which does not look at the front."
    )
    if drawn < len(found.knobs):
        caption += f" The {drawn} of {len(found.knobs)} knobs that matter most."
    spec = embedded(sensitivity.sensitivity_figure(run, objective, found))
    yield single_figure(anchor, "Which knobs matter", caption, spec, 560)


def _unfinished(run: RunView, anchor: str) -> Iterator[Section]:
    rows = unfinished(run)
    if rows:
        caption = "The most frequent reasons why trials have no result; infeasible ones were ruled out by their costs."
        yield Section(anchor, "Not evaluated", caption, unfinished_table(rows))


def _comparison(runs: Sequence[RunView], reference: hypervolume.Point | None) -> Section:
    rows = []
    for run in runs:
        volumes = (
            (None, None)
            if reference is None
            else (
                hypervolume.volume_of(run, run.members, reference) if run.is_feasible else 0.0,
                hypervolume.volume_of(run, hypervolume.feasible_baselines(run), reference),
            )
        )
        rows.append((run, *volumes, hypervolume.evaluation_seconds(run)))
    caption = "Hypervolumes on validation, all at one reference point: for each objective the worst one of the runs."
    if reference is None:
        caption = "The runs on validation; not all have a reference point, so their hypervolumes cannot be compared."
    return Section("comparison", "Comparison", caption, comparison_table(rows))


def _overlay(runs: Sequence[RunView]) -> Section:
    caption = (
        "The front of each run, filled marks on validation, open marks on test with one standard error; baselines in "
        "gray."
    )
    body, figures = _with_axes(runs[0], "comparison-front", lambda axes: overlay_figure(runs, axes))
    return Section("comparison-front", "Fronts", caption, body, figures)


def _legend(run: RunView) -> str:
    entries = (
        (FRONT, "front" if run.is_feasible else "least violating"),
        (BASELINE, "baselines"),
        (EVALUATED, "evaluated"),
    )
    items = "".join(f'<li><i style="background:{color}"></i>{text}</li>' for color, text in entries)
    return f'<ul class="legend">{items}</ul>'
