"""Knobs as arrays: codes to search in, warped coordinates for distances, features for sums over knobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spaces import Categorical, Configuration, Continuous, Ordered, Space

Codes = NDArray[np.float64]
"""Rows of `Space.encode`, shape (n_rows, n_knobs)."""

CONTINUOUS_STEPS = 1_000
"""A continuous knob moves in steps of a thousandth of its interval."""
WAVES = 6
"""Cosines for each continuous knob in the additive features."""


class Encoding:
    """Arrays for the searched knobs of a space.

    Attributes:
        space: The space.
        upper: Largest code of each knob, shape (n_knobs,).
        is_real, is_label: Whether a knob is continuous, or categorical.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.upper = space.upper_codes
        self.is_real = np.array([isinstance(p, Continuous) for p in space.searched], dtype=bool)
        self.is_label = np.array([isinstance(p, Categorical) for p in space.searched], dtype=bool)

    @property
    def n_knobs(self) -> int:
        """Number of searched knobs."""
        return len(self.upper)

    @property
    def n_axes(self) -> int:
        """Directions that settings can differ in: one for each knob, of labels one less than there are."""
        return int(np.where(self.is_label, self.upper, 1).sum())

    def codes(self, configurations: Sequence[Configuration]) -> Codes:
        """Codes of configurations, shape (n_configurations, n_knobs)."""
        rows = [self.space.encode(c) for c in configurations]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.n_knobs)

    def rounded(self, codes: Codes) -> Codes:
        """The nearest codes that a configuration can have; knobs without effect are at their default."""
        steps = np.where(self.is_real, CONTINUOUS_STEPS, 1.0)
        rounded = np.clip(np.round(codes * steps) / steps, 0.0, self.upper)
        for knob, other, is_met, default in self._conditions:
            rounded[..., knob] = np.where(is_met[rounded[..., other].astype(np.intp)], rounded[..., knob], default)
        return np.asarray(rounded)

    @cached_property
    def _conditions(self) -> list[tuple[int, int, NDArray[np.bool_], float]]:
        """Knob, the other one that decides whether it has an effect, at which codes it has, and the knob's default."""
        searched = {parameter.name: k for k, parameter in enumerate(self.space.searched)}
        found = []
        for name, condition in self.space.conditions.items():
            # A knob that is not searched has decided once and for all.
            if name in searched and condition.knob in searched:
                knob, other = searched[name], searched[condition.knob]
                is_met = np.array([v in condition.values for v in self.space.searched[other].levels()], dtype=bool)
                found.append((knob, other, is_met, self.space.searched[knob].encode(self.space.defaults[name])))
        return found

    def keys(self, codes: Codes) -> list[bytes]:
        """One hashable key a row."""
        return [row.tobytes() for row in np.ascontiguousarray(codes, dtype=np.float64) + 0.0]

    @cached_property
    def _levels(self) -> NDArray[np.float64]:
        """Coordinates in [0, 1] of every knob's levels, by the choices' values; shape (n_knobs, most levels)."""
        table = np.zeros((self.n_knobs, self._most_levels))
        for knob, parameter in enumerate(self.space.searched):
            if isinstance(parameter, Ordered):
                table[knob, : parameter.n_levels] = _warp(parameter)
        return table

    @cached_property
    def _most_levels(self) -> int:
        return max((int(u) + 1 for u in self.upper), default=1)

    def coordinates(self, codes: Codes) -> NDArray[np.float64]:
        """Coordinates in [0, 1] whose differences say how different settings are; labels keep their codes."""
        is_code = self.is_real | self.is_label
        return np.asarray(np.where(is_code, codes, self.looked_up(self._levels, codes)))

    def looked_up(self, table: NDArray[np.float64], codes: Codes) -> NDArray[np.float64]:
        """A table's entries for every knob's level, shape (n_rows, n_knobs); the entry 0 for continuous knobs."""
        levels = np.where(self.is_real, 0, codes).astype(np.intp)
        return np.asarray(table[np.arange(self.n_knobs), levels])

    def distinct(self, codes: Codes) -> NDArray[np.intp]:
        """Indices of the first of every set of equal rows, in order."""
        # A sum of coordinates with irregular weights tells rows apart, and is sorted far faster than rows.
        weights = np.sqrt(np.arange(2.0, self.n_knobs + 2.0)) + np.arange(self.n_knobs) % 3
        return np.asarray(np.sort(np.unique(codes @ weights, return_index=True)[1]), dtype=np.intp)

    @cached_property
    def _owners(self) -> NDArray[np.intp]:
        counts = np.where(self.is_label, self.upper + 1, 1).astype(np.intp)
        return np.repeat(np.arange(self.n_knobs, dtype=np.intp), counts)

    def axes(self, codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Coordinates with labels spread over one axis each, and the knob that each axis belongs to."""
        coordinates = self.coordinates(codes)
        if not self.is_label.any():
            return coordinates, self._owners
        columns: list[NDArray[np.float64]] = []
        for knob in range(self.n_knobs):
            if self.is_label[knob]:
                labels = np.arange(int(self.upper[knob]) + 1)
                columns += list(np.sqrt(0.5) * (codes[:, knob, None] == labels).T.astype(np.float64))
            else:
                columns.append(coordinates[:, knob])
        return np.array(columns).T.reshape(len(codes), len(self._owners)), self._owners

    @cached_property
    def _features(self) -> list[NDArray[np.float64]]:
        """Additive features of every level, or step, of each knob."""
        found: list[NDArray[np.float64]] = []
        for knob, upper in enumerate(self.upper):
            n_levels = int(upper) + 1
            if self.is_real[knob]:
                found.append(_waves())
            elif self.is_label[knob]:
                found.append(np.eye(n_levels))
            else:
                warp = self._levels[knob, :n_levels]
                middles = (warp[:-1] + warp[1:]) / 2
                found.append(np.sqrt(np.diff(warp)) * np.where(warp[:, None] > middles, 1.0, -1.0))
        return found

    def additive(self, codes: Codes) -> NDArray[np.float64]:
        """Features whose inner product is a sum of one-dimensional kernels, shape (n_rows, n_features).

        A knob with levels gives a random walk from level to level, labels an indicator each, a continuous knob
        smooth cosine waves and a slope. Each knob's part has a variance of about one.
        """
        # Continuous knobs move in steps: their cosines are looked up too.
        levels = np.rint(np.where(self.is_real, codes * CONTINUOUS_STEPS, codes)).astype(np.intp)
        parts = [features[levels[:, knob]] for knob, features in enumerate(self._features)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(codes), 0))


def _waves() -> NDArray[np.float64]:
    """Features of every step of a continuous knob."""
    column = np.arange(CONTINUOUS_STEPS + 1.0)[:, None] / CONTINUOUS_STEPS
    waves = np.arange(1, WAVES + 1)
    return np.concatenate([np.cos(np.pi * waves * column) * 2.0 / (1.0 + waves**2), 2.0 * (column - 0.5)], axis=1)


def _warp(parameter: Ordered) -> NDArray[np.float64]:
    """Halfway between equal steps and steps by value: levels far apart in value are further apart."""
    values = np.array(parameter.choices, dtype=np.float64)
    by_value = (values - values[0]) / (values[-1] - values[0])
    by_rank = np.linspace(0.0, 1.0, len(values))
    return np.asarray((by_value + by_rank) / 2)
