"""Fits a board's constants, `k_core` and `k_mem`, to what its user measured on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cost_models.calibration.fitting import fit_relative, leave_one_out, relative_errors
from cost_models.calibration.measurements import Measured
from cost_models.cycles import core_cycles, lines_fetched
from cost_models.target import ErrorBand, Figure, Target, TargetFile, target_names
from spaces import Problem, UserError

MIN_MEASUREMENTS = 3
PLAUSIBLE = 6.0
"""Measurements this many times below or above what the kernels take are no cycles of them: published int8 networks
differ by a factor of 7 over all kernel libraries."""
_MIN_BAND = 0.05


@dataclass(frozen=True)
class BoardFit:
    """A board's constants.

    Attributes:
        k_core, k_mem: As in a target.
        errors: Prediction over measurement, less 1, of every measurement.
        left_out: The same, each predicted from a fit to all others.
        facts: The base target with these constants.
    """

    k_core: float
    k_mem: float
    errors: NDArray[np.float64]
    left_out: NDArray[np.float64]
    facts: TargetFile


def fit_board(base: Target, name: str, measured: Sequence[Measured], clock_hz: int | None, source: str) -> BoardFit:
    """Fit `k_core` and, where weights are in flash, `k_mem`.

    Args:
        base: Target with the board's kernels.
        name: Of the new target.
        measured: What was measured.
        clock_hz: The board's clock; None: the base's.
        source: Where the measurements come from.

    Raises:
        UserError: There are too few measurements, some cannot be cycles, or they do not tell the constants apart.
    """
    if len(measured) < MIN_MEASUREMENTS:
        raise UserError.plain(f"{len(measured)} measurements are too few", f"at least {MIN_MEASUREMENTS}")
    features = np.array([_features(row, base) for row in measured])
    cycles = np.array([row.cycles for row in measured])
    clock = clock_hz or base.facts.clock_hz
    problems = list(_unit_problems(measured, features[:, 0], clock))
    if problems:
        raise UserError(problems)
    used = features if base.facts.weights == "flash" else features[:, :1]
    k_core, k_mem = (*fit_relative(used, cycles), 0.0)[:2]
    if k_core <= 0:
        told = "the measurements do not tell the kernels' own cycles from those of fetching weights"
        raise UserError.plain(told, "measurements of layers with many and with few weights for their work")
    left_out = leave_one_out(used, cycles)
    errors = relative_errors(features, cycles, np.array([k_core, k_mem]))
    facts = _facts(base, name, clock, float(k_core), float(k_mem), left_out, source)
    return BoardFit(float(k_core), float(k_mem), errors, left_out, facts)


def _features(row: Measured, target: Target) -> tuple[float, float]:
    operators = row.workload.operators
    core = sum(core_cycles(op, target) * op.executions for op in operators)
    return core, sum(lines_fetched(op, target) * op.executions for op in operators)


def _unit_problems(measured: Sequence[Measured], core: NDArray[np.float64], clock_hz: int) -> Iterator[Problem]:
    units = {"milliseconds": clock_hz / 1e3, "microseconds": clock_hz / 1e6, "seconds": clock_hz}
    units |= {"thousands of cycles": 1e3, "millions of cycles": 1e6}
    for row, expected in zip(measured, core, strict=True):
        if _is_plausible(row.cycles / expected):
            continue
        looks = [unit for unit, factor in units.items() if _is_plausible(row.cycles * factor / expected)]
        guess = f"; it looks like {' or '.join(looks)}" if looks else ""
        told = f"{row.place}  cycles: {row.cycles:g} where the kernels take some {expected:,.0f}{guess}"
        yield Problem((), told, f"clock cycles (the clock is taken to be {clock_hz / 1e6:g} MHz)")


def _is_plausible(ratio: float) -> bool:
    return 1 / PLAUSIBLE <= ratio <= PLAUSIBLE


def _facts(
    base: Target, name: str, clock_hz: int, k_core: float, k_mem: float, left_out: NDArray[np.float64], source: str
) -> TargetFile:
    # Prediction over truth is 1 + error, so the truth lies within 1 / (1 + error) of the prediction.
    truth = 1 / (1 + left_out) - 1
    low, high = min(-_MIN_BAND, float(truth.min())), max(_MIN_BAND, float(truth.max()))
    n = len(left_out)
    fitted = f"fitted to {n} measurements of {source}"
    validation = (
        f"{n} measurements of {source}, each predicted from a fit to the others: "
        f"{100 * np.abs(left_out).mean():.1f} % on average, {100 * np.abs(left_out).max():.1f} % at most"
    )
    return base.facts.model_copy(
        update={
            "name": name,
            "description": f"{base.facts.core} with {base.facts.kernel_library}, its constants fitted to measurements",
            "clock_hz": clock_hz,
            "k_core": Figure(value=_rounded(k_core), source=fitted),
            "k_mem": Figure(value=_rounded(k_mem), source=fitted),
            "validated": True,
            "validation": validation,
            "error_band": ErrorBand(
                low=math.floor(100 * low) / 100,
                high=math.ceil(100 * high) / 100,
                source="largest errors of measurements that were left out of the fit, at least 5 %",
            ),
            **({"kernels": None, "based_on": base.name} if base.name in target_names() else {}),
        }
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
