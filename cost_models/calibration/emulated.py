"""Refits the cycles of our own kernels to emulated runs of them at random shapes and bit widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cost_models.calibration.fitting import HOLD_OUT_EVERY, Fit, fit_and_hold_out
from cost_models.calibration.kernel_rows import (
    N_PRODUCTS,
    N_REQUANTIZED,
    WIDTHS,
    amounts,
    kernel_rows,
    product_operator,
    step_operators,
)
from cost_models.emulator import CORES, compiler_version
from cost_models.emulator.toolchain import OPTIMIZATION
from cost_models.kernels.meter import GruShape, KernelMeter
from cost_models.target import Kernel, Target
from cost_models.workload import Operator
from spaces import UserError

N_STEPS, N_DENSE = 210, 120
"""Emulated GRU steps and dense layers."""
MAX_SIZE = 160
"""Most units and inputs of them."""


@dataclass(frozen=True)
class KernelFit:
    """Refitted rows.

    Attributes:
        kernels: Rows for a target.
        fit: With the error that they leave on runs that were held out.
        compiler, flags: What compiled the kernels.
    """

    kernels: tuple[Kernel, ...]
    fit: Fit
    compiler: str
    flags: str

    @property
    def summary(self) -> str:
        """What was fitted to what, and how well."""
        error = self.fit.held_out
        return (
            f"{N_STEPS} steps of random GRU cells and {N_DENSE} dense layers emulated with zero wait states; on the "
            f"third that was held out the error is {100 * error.mean:.1f} % on average, {100 * error.max:.1f} % at most"
        )


def fit_kernels(target: Target, cache_directory: Path, seed: int = 0) -> KernelFit:
    """Emulate our kernels on a target's core and fit their cycles, zero wait states.

    Args:
        target: One with our kernels.
        cache_directory: Where compiled code is kept.
        seed: Of the random shapes and widths.

    Raises:
        UserError: The target's core cannot be emulated, or its kernels are not ours.
        MissingExtraError: The extra `mcu` is not installed.
    """
    core = CORES.get(target.facts.core)
    if core is None or not has_our_kernels(target):
        told = f'the kernels of target "{target.name}" are not ours, or its core cannot be emulated'
        raise UserError.plain(told, f"our kernels on {', '.join(CORES)}; or --measurements FILE.csv of your own")
    runs = list(_runs(KernelMeter(core, cache_directory), np.random.default_rng(seed)))
    counted = [amounts(operators) for operators, _ in runs]
    names = sorted({name for count in counted for name in count}, key=str)
    features = np.array([[count.get(name, 0.0) for name in names] for count in counted])
    fit = fit_and_hold_out(features, np.array([cycles for _, cycles in runs], np.float64))
    values = dict(zip(names, fit.coefficients.tolist(), strict=True))
    source = f"emulated with zero wait states, one run of {HOLD_OUT_EVERY} held out; the error is that of whole runs"
    return KernelFit(tuple(kernel_rows(values, fit.held_out, source)), fit, compiler_version(), " ".join(OPTIMIZATION))


def has_our_kernels(target: Target) -> bool:
    """Whether a target's own rows are those that `fit_kernels` makes."""
    return any("tiles" in kernel.cycles for kernel in target.facts.kernels or ())


def random_step(rng: np.random.Generator) -> GruShape:
    """Shape and widths of a GRU cell, as a search may choose them."""
    n_inputs, n_units = (int(n) for n in rng.integers(4, MAX_SIZE + 1, 2))
    wide_sums = [bool(is_wide) for is_wide in rng.random(4) < 0.3]
    return GruShape(
        n_inputs,
        n_units,
        weight_bits=[int(bits) for bits in rng.choice(WIDTHS, N_PRODUCTS)],
        wide_sums=wide_sums,
        has_view=bool(rng.random() < 0.4),
        # A carried state of more than 8 bits takes a wide sum to compute.
        carries_wide=wide_sums[3] and bool(rng.random() < 0.7),
        large_ratios=[bool(is_large) for is_large in rng.random(N_REQUANTIZED) < 0.3],
        large_view_ratio=bool(rng.random() < 0.3),
    )


def _runs(meter: KernelMeter, rng: np.random.Generator) -> Iterator[tuple[Sequence[Operator], int]]:
    for _ in range(N_STEPS):
        shape = random_step(rng)
        yield list(step_operators(shape)), meter.gru_step(shape).cycles
    for index in range(N_DENSE):
        bits = WIDTHS[index % len(WIDTHS)]
        rows, columns = int(rng.integers(2, MAX_SIZE + 1)), int(rng.integers(4, 2 * MAX_SIZE + 1))
        operator = product_operator("fully_connected", rows, columns, bits)
        yield [operator], meter.dense(rows, columns, bits).cycles
