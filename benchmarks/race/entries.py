"""Who races on what, and with how many evaluations and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks.race import analytic, contestants, studies
from benchmarks.race.contestants import Contestant
from benchmarks.race.problem import RaceProblem

GUIDED = "guided"
PROBLEMS: Mapping[str, Callable[[Path], RaceProblem]] = {**studies.MAKERS, **analytic.MAKERS}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "gru": ("digits", "digits, 24 genes", "spoken digits", "MNIST rows"),
    "speech": ("nsNet2 exits", "pruning ratios", "UF schedules", "activation bits"),
    "toy": ("exact toy",),
    "general": tuple(analytic.GENERAL),
    "further": tuple(analytic.FURTHER),
    "held-out": tuple(analytic.HELD_OUT),
}
"""Tables of the report, each with its problems."""


@dataclass(frozen=True)
class Entry:
    """A contestant.

    Attributes:
        run: Asks until its evaluations are used up.
        distribution: Where it comes from; empty for what is ours.
        evaluations: At most so many, where it is slow.
        seeds: At most so many, where it is slow or draws nothing at random.
        is_for_lists: Takes only knobs with a list of choices.
    """

    run: Contestant
    distribution: str = ""
    evaluations: int = 1_000_000
    seeds: int = 1_000_000
    is_for_lists: bool = False

    def version(self) -> str:
        """Library and version, or ours."""
        name = self.distribution or "tinypareto"
        return f"{name} {version(name)}"


CONTESTANTS: Mapping[str, Entry] = {
    GUIDED: Entry(contestants.guided),
    "Optuna TPE": Entry(partial(contestants.optuna_sampler, contestants.tpe), "optuna"),
    "Optuna NSGA-II": Entry(partial(contestants.optuna_sampler, contestants.optuna_nsga2), "optuna"),
    "Optuna GP": Entry(partial(contestants.optuna_sampler, contestants.gp), "optuna", evaluations=100, seeds=3),
    "pymoo NSGA-II": Entry(partial(contestants.pymoo_search, False), "pymoo"),
    "pymoo NSGA-III": Entry(partial(contestants.pymoo_search, True), "pymoo"),
    "DEAP NSGA-II": Entry(contestants.deap_nsga2, "deap"),
    "sensitivity list": Entry(contestants.sensitivity_list, seeds=1, is_for_lists=True),
    "random": Entry(contestants.random_search),
}
