"""A system of 17 bit widths whose evaluation costs next to nothing: what is left is the framework's own time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cost_models import Operator, Workload
from evaluators.system import EvaluationSplit, Measurement
from spaces import Configuration

N_KNOBS = 17
SIZES = np.linspace(100, 2500, N_KNOBS).astype(int)
SENSITIVITIES = np.geomspace(0.02, 2.0, N_KNOBS)
KNOBS = [f"bit_widths.op{i}" for i in range(N_KNOBS)]


class Toy:
    """Error: a sum of noise powers that fall by 6 dB a bit. Size: a sum of weights times bits."""

    def knobs(self) -> Mapping[str, Mapping[str, Sequence[int]]]:
        """Seventeen bit widths from 2 to 8."""
        return {"bit_widths": {f"op{i}": range(2, 9) for i in range(N_KNOBS)}}

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> list[Measurement]:
        """The error rate of each configuration."""
        bits = np.array([[float(c[knob]) for knob in KNOBS] for c in configurations])
        errors = np.tanh((SENSITIVITIES * 4.0**-bits).sum(axis=1))
        return [Measurement({"error_rate": float(error)}) for error in errors]

    def workload(self, configuration: Configuration, activity: Mapping[str, float] | None = None) -> Workload:
        """Seventeen matrix products."""
        return Workload([self._operator(i, int(configuration[knob])) for i, knob in enumerate(KNOBS)])

    def _operator(self, index: int, bits: int) -> Operator:
        count = int(SIZES[index])
        return Operator(
            f"op{index}",
            "matrix_vector",
            macs=count,
            weight_count=count,
            weight_bits=bits,
            weight_bytes=(count * bits + 7) // 8,
        )


SYSTEM = Toy()
