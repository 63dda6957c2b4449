"""Who races on what, and with how many evaluations and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.race import analytic, contestants, studies
from benchmarks.race.contestants import Contestant
from benchmarks.race.problem import RaceProblem

GUIDED = "guided"
PROBLEMS: Mapping[str, Callable[[Path], RaceProblem]] = {**studies.MAKERS, **analytic.MAKERS}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "gru": ("digits", "digits, 24 genes", "spoken digits", "MNIST rows"),
    "speech": ("nsNet2 exits",),
    "toy": ("exact toy",),
    "general": tuple(analytic.GENERAL),
}
"""Tables of the report, each with its problems."""


@dataclass(frozen=True)
class Entry:
    """A contestant.

    Attributes:
        run: Asks until its evaluations are used up.
        evaluations: At most so many, where it is slow.
        seeds: At most so many, where it is slow or draws nothing at random.
        is_for_lists: Takes only knobs with a list of choices.
    """

    run: Contestant
    evaluations: int = 1_000_000
    seeds: int = 1_000_000
    is_for_lists: bool = False


CONTESTANTS: Mapping[str, Entry] = {
    GUIDED: Entry(contestants.guided),
    "Optuna TPE": Entry(partial(contestants.optuna_sampler, contestants.tpe)),
    "Optuna NSGA-II": Entry(partial(contestants.optuna_sampler, contestants.optuna_nsga2)),
    "Optuna GP": Entry(partial(contestants.optuna_sampler, contestants.gp), evaluations=100, seeds=3),
    "pymoo NSGA-II": Entry(partial(contestants.pymoo_search, False)),
    "pymoo NSGA-III": Entry(partial(contestants.pymoo_search, True)),
    "DEAP NSGA-II": Entry(contestants.deap_nsga2),
    "sensitivity list": Entry(contestants.sensitivity_list, seeds=1, is_for_lists=True),
    "random": Entry(contestants.random_search),
}
