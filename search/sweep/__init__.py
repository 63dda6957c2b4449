"""A grid of whole studies, carried out on Ray Tune."""

from search.sweep.carrying_out import carry_out_sweep
from search.sweep.spec import Cell, Sweep
from search.sweep.summary import Summary

__all__ = ["Cell", "Summary", "Sweep", "carry_out_sweep"]
