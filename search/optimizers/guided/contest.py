"""Whether damages explain an objective: two surrogates, and the one that has foretold more of late is believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.damage import DamageScale
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.surrogate import Belief, Surrogate

Floats = NDArray[np.float64]
MEMORY = 0.9
"""Of what one batch has told, so much counts after the next."""
HEAD_START = 10.0
"""Of damages, as a logarithm: who takes over must have foretold clearly more."""
LEAST_DEVIATION = 0.05
"""Standardized; a prediction that is surer than that is not punished the more for it."""


class Contest:
    """Learns one objective with damages and without.

    Args:
        encoding: Of the knobs.
        scale: Of damages, or None for a black box.
    """

    def __init__(self, encoding: Encoding, scale: DamageScale | None) -> None:
        self._encoding = encoding
        scales = [None] if scale is None else [scale, None]
        self._surrogates = [Surrogate(encoding, s) for s in scales]
        self._beliefs: list[Belief] = []
        self._scores = np.array([HEAD_START, 0.0][: len(scales)])
        self._seen: set[bytes] = set()

    def fit(self, codes: Codes, values: Floats) -> Belief:
        """Fit to what is known; see `Surrogate.fit`."""
        keys = self._encoding.keys(codes)
        new = np.array([key not in self._seen for key in keys], dtype=bool)
        self._seen.update(keys)
        if len(self._surrogates) > 1 and self._beliefs and new.any():
            found = [_likelihood(belief, codes[new], values[new]) for belief in self._beliefs]
            self._scores = MEMORY * self._scores + np.array(found)
        self._beliefs = [surrogate.fit(codes, values) for surrogate in self._surrogates]
        return self._beliefs[int(np.argmax(self._scores))]


def _likelihood(belief: Belief, codes: Codes, values: Floats) -> float:
    """Logarithm of the density of the values as they were foretold."""
    mean, deviation = belief.standardized(codes)
    deviation = np.hypot(deviation, LEAST_DEVIATION)
    z = (belief.transform(values) - mean) / deviation
    # The tails of Student's t with 4 degrees of freedom: one surprise must not decide.
    density = -2.5 * np.log1p(z**2 / 4) - np.log(deviation)
    return float(density.sum()) + belief.transform.log_slope(values)
