"""Deployment: one configuration of a run, with everything that is needed to flash and to check it."""

from search.export.bundle import export_trial
from search.export.choice import Choice

__all__ = ["Choice", "export_trial"]
