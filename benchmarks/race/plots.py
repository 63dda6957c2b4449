"""Plots of a race: medians with quartiles over unique evaluations, one panel for each problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race.entries import CONTESTANTS, GUIDED
from benchmarks.race.results import Result, Results
from benchmarks.race.tables import unit_of

COLUMNS = 4
COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#882255", "#009E73", "#56B4E9", "#CC79A7", "#999933", "#777777")
"""One for each contestant, told apart by most eyes (M. Okabe, K. Ito, "Color universal design", 2008)."""


def write_plot(results: Results, problems: Sequence[str], path: Path) -> None:
    """Draw the problems that have results; in per cent of the reference front, or of the best single result."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    everything = list(results.read().values())
    raced = [p for p in problems if any(r.problem == p for r in everything)]
    n_rows = -(-len(raced) // COLUMNS)
    figure, axes = plt.subplots(n_rows, COLUMNS, figsize=(4 * COLUMNS, 2.8 * n_rows), squeeze=False)
    handles: dict[str, Any] = {}
    for axis, problem in zip(axes.flat, raced, strict=False):
        found = [r for r in everything if r.problem == problem]
        unit = unit_of(results, problem, found)
        for name, colour in zip(CONTESTANTS, COLOURS, strict=True):
            marks, quartiles = quartiles_of([r for r in found if r.contestant == name], unit)
            if marks:
                width = 2.5 if name == GUIDED else 1.2
                handles[name] = axis.plot(marks, quartiles[1], color=colour, linewidth=width)[0]
                axis.fill_between(marks, quartiles[0], quartiles[2], color=colour, alpha=0.15, linewidth=0)
        axis.set(title=problem, xscale="log")
        axis.set_xticks([50, 100, 300, 1000], ["50", "100", "300", "1,000"], minor=False)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(raced) :]:
        axis.axis("off")
    figure.supxlabel("unique evaluations")
    figure.supylabel("hypervolume, %")
    figure.legend(list(handles.values()), list(handles), loc="upper center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / (2.8 * max(n_rows, 1))))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def quartiles_of(runs: Sequence[Result], unit: float) -> tuple[list[int], Any]:
    """Marks that every run has reached, and per cent at them; shape (3, n_marks)."""
    if not runs:
        return [], np.empty((3, 0))
    marks = sorted(set.intersection(*({*r.found} for r in runs)))
    return marks, np.percentile([[100 * r.found[m] / unit for m in marks] for r in runs], [25, 50, 75], axis=0)
