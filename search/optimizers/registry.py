"""The optimizers by name; their modules are imported only when used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel

from search.optimizers.base import Optimizer, SearchProblem


@dataclass(frozen=True)
class Entry:
    """An optimizer.

    Attributes:
        module: Where it lives.
        factory: Called with the problem, the options and the seed.
        options_name: The pydantic model of its options, in the same module.
        description: One line for `list optimizers`.
        is_promising: Whether it tells what it still expects, see `search.optimizers.Promising`.
    """

    module: str
    factory: str
    options_name: str
    description: str
    is_promising: bool = False

    @cached_property
    def options(self) -> type[BaseModel]:
        """The model of its options."""
        return getattr(importlib.import_module(self.module), self.options_name)  # type: ignore[no-any-return]

    def create(self, problem: SearchProblem, options: BaseModel, seed: int) -> Optimizer:
        """A fresh optimizer.

        Raises:
            ValueError: If it cannot search this space.
        """
        return getattr(importlib.import_module(self.module), self.factory)(problem, options, seed)  # type: ignore[no-any-return]


_PACKAGE = "search.optimizers"
OPTIMIZERS: Mapping[str, Entry] = {
    "guided": Entry(
        f"{_PACKAGE}.guided",
        "GuidedSearch",
        "GuidedOptions",
        "exact costs, a model of damage, Gaussian processes",
        True,
    ),
    "random": Entry(f"{_PACKAGE}.baseline", "RandomSearch", "RandomOptions", "every knob drawn uniformly"),
    "exhaustive": Entry(
        f"{_PACKAGE}.baseline", "ExhaustiveSearch", "ExhaustiveOptions", "the whole space, for small ones"
    ),
    "nsga2": Entry(f"{_PACKAGE}.genetic", "nsga2", "GeneticOptions", "genetic, crowding distance (DEAP)"),
    "nsga3": Entry(f"{_PACKAGE}.genetic", "nsga3", "GeneticOptions", "genetic, reference points (DEAP)"),
    "tpe": Entry(f"{_PACKAGE}.bayesian", "tpe", "BayesianOptions", "tree-structured Parzen estimator (Optuna)"),
    "gp": Entry(f"{_PACKAGE}.bayesian", "gp", "BayesianOptions", "Gaussian process, slow beyond 300 trials (Optuna)"),
}
