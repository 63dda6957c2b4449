"""Random quantized networks written as C, for tests of the export."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights, random_widths

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.operators import Genome, Widths
from evaluators.gru.quantization import quantize

CLASS_NAMES = ("yes", 'a "??/\\\n*/ b', "", "é\udc80", "int")
"""None of them is fit to stand in C as it is."""


@dataclass(frozen=True)
class Case:
    """Sizes and genome of a random network."""

    n_inputs: int
    n_hidden: int
    n_layers: int
    genome: Genome
    seed: int = 0


CASES = (
    Case(8, 16, 1, "paper"),
    Case(9, 13, 2, "extended"),
    Case(3, 6, 3, "extended", seed=1),
    Case(5, 2, 2, "paper", seed=2),
)


@cache
def network(case: Case) -> tuple[CalibratedGru, Widths, Sequences]:
    rng = np.random.default_rng(case.seed)
    weights = random_weights(rng, case.n_inputs, [case.n_hidden] * case.n_layers, len(CLASS_NAMES))
    sequences = random_sequences(rng, 12, 5, case.n_inputs)
    (widths,) = random_widths(rng, case.genome, case.n_layers, 1)
    return calibrate(weights, sequences), widths, sequences


def quantized(case: Case):
    calibrated, widths, _ = network(case)
    return quantize(calibrated, widths)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder; skips where there is none or no compiler."""
    if shutil.which("make") is None or shutil.which("cc") is None:
        pytest.skip("needs make and a C compiler")
    # Full optimization takes longer than all the rest.
    command: Sequence[str] = ["make", "-s", "-C", str(folder), "OPTIMIZATION=-O1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
