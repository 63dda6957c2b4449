"""The optimizers, all behind one ask-and-tell interface."""

from search.optimizers.base import Foretold, Observation, Optimizer, Promising, SearchProblem
from search.optimizers.registry import OPTIMIZERS

__all__ = ["OPTIMIZERS", "Foretold", "Observation", "Optimizer", "Promising", "SearchProblem"]
