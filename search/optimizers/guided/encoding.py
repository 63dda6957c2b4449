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

    def codes(self, configurations: Sequence[Configuration]) -> Codes:
        """Codes of configurations, shape (n_configurations, n_knobs)."""
        rows = [self.space.encode(c) for c in configurations]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.n_knobs)

    def rounded(self, codes: Codes) -> Codes:
        """The nearest codes that a configuration can have."""
        steps = np.where(self.is_real, CONTINUOUS_STEPS, 1.0)
        return np.asarray(np.clip(np.round(codes * steps) / steps, 0.0, self.upper))

    def keys(self, codes: Codes) -> list[bytes]:
        """One hashable key a row."""
        return [row.tobytes() for row in np.ascontiguousarray(codes, dtype=np.float64) + 0.0]

    @cached_property
    def _warps(self) -> list[NDArray[np.float64] | None]:
        """Level -> coordinate in [0, 1], by the choices' values; None where codes are coordinates or labels."""
        return [_warp(p) if isinstance(p, Ordered) else None for p in self.space.searched]

    def coordinates(self, codes: Codes) -> NDArray[np.float64]:
        """Coordinates in [0, 1] whose differences say how different settings are; labels keep their codes."""
        columns = [
            codes[:, k] if warp is None else warp[codes[:, k].astype(np.intp)] for k, warp in enumerate(self._warps)
        ]
        return np.array(columns, dtype=np.float64).T.reshape(len(codes), self.n_knobs)

    def axes(self, codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Coordinates with labels spread over one axis each, and the knob that each axis belongs to."""
        coordinates = self.coordinates(codes)
        columns: list[NDArray[np.float64]] = []
        owners: list[int] = []
        for knob in range(self.n_knobs):
            if self.is_label[knob]:
                labels = np.arange(int(self.upper[knob]) + 1)
                columns += list(np.sqrt(0.5) * (codes[:, knob, None] == labels).T.astype(np.float64))
                owners += [knob] * len(labels)
            else:
                columns.append(coordinates[:, knob])
                owners.append(knob)
        return np.array(columns).T.reshape(len(codes), len(owners)), np.array(owners, dtype=np.intp)

    def additive(self, codes: Codes) -> NDArray[np.float64]:
        """Features whose inner product is a sum of one-dimensional kernels, shape (n_rows, n_features).

        A knob with levels gives a random walk from level to level, labels an indicator each, a continuous knob
        smooth cosine waves and a slope. Each knob's part has a variance of about one.
        """
        coordinates = self.coordinates(codes)
        parts: list[NDArray[np.float64]] = []
        for knob in range(self.n_knobs):
            column = coordinates[:, knob, None]
            if self.is_label[knob]:
                parts.append((codes[:, knob, None] == np.arange(int(self.upper[knob]) + 1)).astype(np.float64))
            elif (warp := self._warps[knob]) is not None:
                gaps = np.sqrt(np.diff(warp))
                parts.append(gaps * np.where(column > (warp[:-1] + warp[1:]) / 2, 1.0, -1.0))
            else:
                waves = np.arange(1, WAVES + 1)
                parts.append(np.cos(np.pi * waves * column) * 2.0 / (1.0 + waves**2))
                parts.append(2.0 * (column - 0.5))
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(codes), 0))


def _warp(parameter: Ordered) -> NDArray[np.float64]:
    """Halfway between equal steps and steps by value: levels far apart in value are further apart."""
    values = np.array(parameter.choices, dtype=np.float64)
    by_value = (values - values[0]) / (values[-1] - values[0])
    by_rank = np.linspace(0.0, 1.0, len(values))
    return np.asarray((by_value + by_rank) / 2)
