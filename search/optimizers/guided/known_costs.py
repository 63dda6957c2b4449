"""Exact costs: asked for once each, and guessed by a table where a whole pool has to be screened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search.optimizers.base import Foretold
from search.optimizers.guided.encoding import Codes, Encoding
from spaces import Configuration

Floats = NDArray[np.float64]
SAMPLES = 12
"""Costs that are looked up for each feature of the table."""
GOOD = 0.01
"""Error of the table, in units of each cost's range, up to which it may screen candidates."""
SAME = 1e-6
"""Relative difference up to which a cost is what was foretold."""


class KnownCosts:
    """The exact part of the objectives, and how far constraints on costs are violated.

    Args:
        encoding: Of the knobs.
        foretell: A configuration's exact values.
        rng: Source of random draws.
    """

    def __init__(
        self, encoding: Encoding, foretell: Callable[[Configuration], Foretold], rng: np.random.Generator
    ) -> None:
        self._encoding = encoding
        self._foretell = foretell
        self._kept: dict[bytes, Floats] = {}
        default = encoding.codes([encoding.space.defaults])
        self.is_exact = np.isfinite(self(default)[0][0])
        """Objectives that are foretold, of the default and of all samples; shape (n_objectives,)."""
        self._table = self._fitted_table(rng)

    def is_refuted(self, codes: Codes, values: Floats) -> NDArray[np.bool_]:
        """Which objectives were foretold otherwise than they turned out, shape (n_objectives,).

        Args:
            codes: What was evaluated, shape (n, n_knobs).
            values: What was told of it, shape (n, n_objectives).
        """
        foretold = self(codes)[0]
        is_same = np.abs(foretold - values) <= SAME * np.maximum(np.abs(foretold), np.abs(values))
        return np.asarray(~is_same.all(axis=0))

    def distrust(self, which: NDArray[np.bool_]) -> None:
        """Take objectives for uncertain from now on; shape (n_objectives,)."""
        self.is_exact = self.is_exact & ~which

    def __call__(self, codes: Codes) -> tuple[Floats, Floats]:
        """Exact values, NaN for the others, shape (n, n_objectives), and violations, shape (n,)."""
        rows = []
        for key, row in zip(self._encoding.keys(codes), codes, strict=True):
            if (known := self._kept.get(key)) is None:
                told = self._foretell(self._encoding.space.decode(row))
                known = self._kept[key] = np.array([*told.values, told.violation], dtype=np.float64)
            rows.append(known)
        found = np.array(rows).reshape(len(rows), -1)
        return found[:, :-1], found[:, -1]

    def screened(self, codes: Codes) -> tuple[Floats, Floats]:
        """The same, by the table where it is good enough."""
        if self._table is None:
            return self(codes)
        found = self._features(codes) @ self._table
        values = np.where(self.is_exact, found[:, :-1], np.nan)
        return values, np.where(found[:, -1] > 1e-9, found[:, -1], 0.0)

    def _fitted_table(self, rng: np.random.Generator) -> Floats | None:
        """Least squares of costs by the level of each knob; None where they are no such sum."""
        encoding = self._encoding
        n = SAMPLES * len(self._features(encoding.codes([encoding.space.defaults]))[0])
        codes = encoding.codes([encoding.space.sample(rng) for _ in range(min(n, 2_000))])
        values, violations = self(codes)
        # A network may be dynamic, with costs that only an activity tells, in some of its configurations.
        self.is_exact = self.is_exact & np.isfinite(values).all(axis=0)
        if violations.any() or np.any(encoding.is_real):
            return None
        known = np.c_[np.where(self.is_exact, values, 0.0), violations]
        n_fit = (2 * len(codes)) // 3
        table = np.linalg.lstsq(self._features(codes[:n_fit]), known[:n_fit], rcond=None)[0]
        error = np.abs(self._features(codes[n_fit:]) @ table - known[n_fit:]).max(axis=0)
        return np.asarray(table) if np.all(error <= GOOD * np.ptp(known, axis=0) + 1e-12) else None

    def _features(self, codes: Codes) -> Floats:
        return np.asarray(np.c_[np.ones(len(codes)), self._encoding.additive(codes)])
