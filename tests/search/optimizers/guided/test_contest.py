"""Damages are believed where they foretell, and only there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from search.optimizers.guided.contest import Contest
from search.optimizers.guided.damage import DamageScale
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.surrogate import Belief
from spaces import Ordered, Space

NAMES = tuple(f"k{i}" for i in range(5))
BITS = tuple(range(2, 9))
ENCODING = Encoding(Space(tuple(Ordered(name, BITS) for name in NAMES), dict.fromkeys(NAMES, 8)))
HARM = np.array([8.0, 4.0, 2.0, 1.0, 0.5])
Floats = NDArray[np.float64]


def noise_power(bits: Floats) -> Floats:
    return np.asarray((HARM * 4.0**-bits).sum(axis=1))


def valley(bits: Floats) -> Floats:
    """Best at 4 bits of every knob: no sum of harms that fall."""
    return np.asarray(0.5 + ((bits - 4.0) ** 2).sum(axis=1))


def beliefs(truth: Callable[[Floats], Floats], scale: DamageScale | None) -> list[Belief]:
    """What is believed while batches of ten come in."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, len(BITS), (120, len(NAMES))).astype(float)
    contest = Contest(ENCODING, scale)
    return [contest.fit(codes[:n], truth(codes[:n] + BITS[0])) for n in range(20, 121, 10)]


def damages() -> DamageScale:
    return DamageScale(ENCODING, np.ones(len(NAMES), dtype=bool))


def test_damages_that_foretell_are_believed_from_the_first_to_the_last() -> None:
    assert all(belief.damage is not None for belief in beliefs(noise_power, damages()))


def test_damages_that_mislead_are_given_up() -> None:
    found = beliefs(valley, damages())
    assert found[0].damage is not None
    assert all(belief.damage is None for belief in found[-3:])


@pytest.mark.parametrize("truth", [noise_power, valley])
def test_a_black_box_has_none(truth: Callable[[Floats], Floats]) -> None:
    assert all(belief.damage is None for belief in beliefs(truth, None))
