"""What `calibrate` does: refit a target, say what changed, and write it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cost_models import load_target
from cost_models.calibration import fit_board, fit_kernels, read_measurements, target_text
from cost_models.target import TargetFile
from evaluators.storage import cache_root, write_atomically
from search.run_directory import writing


@dataclass(frozen=True)
class Refit:
    """A refitted target.

    Attributes:
        facts: Its file.
        summary: What there is to say about it.
    """

    facts: TargetFile
    summary: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Write the target file.

        Raises:
            RunError: If that is not possible.
        """
        with writing(path):
            write_atomically(path, target_text(self.facts).encode())


def refit_kernels(name: str) -> Refit:
    """Emulate our kernels on a target's core and fit their cycles.

    Raises:
        UserError: There is no such target, or its kernels cannot be emulated.
        MissingExtraError: The extra `mcu` is not installed.
    """
    target = load_target(name, Path())
    found = fit_kernels(target, cache_root() / "mcu")
    facts = target.facts.model_copy(
        update={
            "kernels": list(found.kernels),
            "compiler": found.compiler,
            "compiler_flags": found.flags,
            "validation": found.summary,
        }
    )
    error = found.fit.held_out
    summary = {
        "target": target.name,
        "compiler": f"{found.compiler} {found.flags}",
        "held_out_error_mean": error.mean,
        "held_out_error_max": error.max,
        "kernels": len(found.kernels),
        "changed": target.facts.kernels != facts.kernels,
    }
    return Refit(facts, summary)


def refit_board(name: str, measurements: Path, clock_hz: int | None, out: Path | None) -> Refit:
    """Fit `k_core` and `k_mem` to a user's measurements.

    Args:
        name: The target whose kernels run on the board.
        measurements: Comma-separated values.
        clock_hz: The board's clock, if it is not the target's.
        out: Where the target will be written; names it.

    Raises:
        UserError: The target or the measurements are wrong.
    """
    target = load_target(name, Path())
    called = out.stem if out else f"{target.name}_measured"
    found = fit_board(target, called, read_measurements(measurements), clock_hz, measurements.name)
    summary = {
        "target": called,
        "kernels_of": target.name,
        "measurements": len(found.errors),
        "k_core": found.facts.k_core.value,
        "k_mem": found.facts.k_mem.value,
        "error_mean": round(float(abs(found.errors).mean()), 4),
        "error_max": round(float(abs(found.errors).max()), 4),
        "left_out_error_mean": round(float(abs(found.left_out).mean()), 4),
        "left_out_error_max": round(float(abs(found.left_out).max()), 4),
    }
    return Refit(found.facts, summary)
