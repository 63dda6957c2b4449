"""The optimizers, all behind one ask-and-tell interface."""

from search.optimizers.base import Observation, Optimizer, SearchProblem
from search.optimizers.registry import OPTIMIZERS

__all__ = ["OPTIMIZERS", "Observation", "Optimizer", "SearchProblem"]
