"""Guided search: models what is uncertain, knows what is exact, and proposes what promises most."""

from search.optimizers.guided.search import GuidedOptions, GuidedSearch

__all__ = ["GuidedOptions", "GuidedSearch"]
