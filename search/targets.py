"""The target of a study: found by name or path, its mistakes told where the study names it."""

from __future__ import annotations

from pathlib import Path

from cost_models import COSTS, TARGET_COSTS, Target, load_target, target_names
from spaces import Problem, UserError, unknown


def study_target(name: str, folder: Path, problems: list[Problem]) -> Target | None:
    """The target that a study names; None if it names none or one that is wrong.

    Args:
        name: As written, or empty.
        folder: Where a relative path starts from.
        problems: Where what is wrong is added to.
    """
    if not name:
        return None
    try:
        return load_target(name, folder)
    except UserError as error:
        problems += [_as_of_study(problem, error) for problem in error.problems]
        return None


def cost_names(has_target: bool) -> list[str]:
    """The costs that every workload has."""
    return [*COSTS, *TARGET_COSTS] if has_target else [*COSTS]


def unknown_cost(path: tuple[str | int, ...], name: str, known: list[str], has_target: bool) -> Problem:
    """The problem of a name that is neither a metric nor a cost."""
    if name in TARGET_COSTS and not has_target:
        return Problem(path, f'"{name}" needs a target', f"target: {', '.join(target_names())}, or ./FILE.yaml")
    return unknown(path, "metric or cost", name, known)


def _as_of_study(problem: Problem, error: UserError) -> Problem:
    if not problem.path and error.where is None:
        return problem.under("target")
    place = f"{error.where(problem.path)}  " if error.where else ""
    subject = f"{problem.dotted()}: " if problem.path else ""
    return Problem(("target",), f"{place}{subject}{problem.message}", problem.allowed, problem.suggestion)
