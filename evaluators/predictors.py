"""Exports that can be used at once: systems whose exported files give a score for a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.registry import SYSTEMS, implementation


class Predictor(Protocol):
    """Scores windows of sound."""

    @property
    def score(self) -> str:
        """What a score is, such as `predicted wide-band PESQ`."""

    @property
    def sample_rate_hz(self) -> int:
        """Of the sound."""

    @property
    def window_samples(self) -> int:
        """Length of a window."""

    def predict(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """One score for each window.

        Args:
            windows: Full scale at -1 and 1, shape (n, window_samples).

        Returns:
            Shape (n,).
        """


def exported_predictor(system: str, directory: Path) -> Predictor | None:
    """What a system exported, ready to predict; None where what it exports gives no score of a recording.

    A system offers this by a static method `load_export(directory)` of its class.

    Raises:
        SystemSpecError: If there is no such system.
        EvaluationError: If the files are missing or damaged.
    """
    load: Any = getattr(implementation(system), "load_export", None)
    return load(directory) if callable(load) else None


def predicting_systems() -> list[str]:
    """Built-in systems whose exports predict."""
    return [name for name in SYSTEMS if callable(getattr(implementation(name), "load_export", None))]
