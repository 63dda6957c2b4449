"""What is said about a point when the pointer rests on it."""

from __future__ import annotations

from collections.abc import Iterator

from search.records import TrialRecord
from search.report.quantities import quantity
from search.report.text import configuration_lines, plotly_lines
from search.report.view import Member, RunView, record_value


def member_hover(run: RunView, member: Member) -> str:
    """Both splits, costs and configuration of a front member or baseline, escaped for Plotly."""
    return plotly_lines(_member_lines(run, member))


def record_hover(run: RunView, record: TrialRecord) -> str:
    """Metrics, costs and configuration of an evaluated trial, escaped for Plotly."""
    values = [f"{_label(run, o)} {run.quantity(o).show(record_value(record, o))}" for o in run.objectives]
    others = _others(run, record)
    return plotly_lines([f"trial {record.trial}", *values, *others, *configuration_lines(record.configuration)])


def _member_lines(run: RunView, member: Member) -> Iterator[str]:
    yield member.title
    for name in run.objectives:
        shown = run.quantity(name)
        text = f"{_label(run, name)} {shown.show(member.value(name), member.standard_error(name, 'validation'))}"
        if not run.is_cost(name) and member.value(name, "test") is not None:
            text += f", on test {shown.show(member.value(name, 'test'), member.standard_error(name, 'test'))}"
        yield text
    yield from _others(run, member)
    yield from configuration_lines(member.configuration)


def _others(run: RunView, point: Member | TrialRecord) -> Iterator[str]:
    """What is known besides the objectives: metrics of validation one a line, all costs in one."""
    metrics = point.metrics["validation"] if isinstance(point, Member) else point.metrics
    for name, value in metrics.items():
        if name not in run.objectives:
            yield f"{_label(run, name)} {quantity(name, (value, value)).show(value)}"
    costs = [
        f"{_label(run, name)} {run.quantity(name).show(value)}"
        for name, value in point.costs.items()
        if name not in run.objectives
    ]
    if costs:
        yield ", ".join(costs)


def _label(run: RunView, name: str) -> str:
    return run.quantity(name).label
