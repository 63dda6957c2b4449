"""Deployment: one configuration of a run, with everything that is needed to flash and to check it."""

from search.export.bundle import export_trial
from search.export.choice import Choice
from search.export.verdict import VerificationError, check_verification, print_verification

__all__ = ["Choice", "VerificationError", "check_verification", "export_trial", "print_verification"]
