"""The reference as an engine: one candidate after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.formats import Integers
from evaluators.gru.operators import Widths
from evaluators.gru.quantization import quantize
from evaluators.gru.reference import Result, infer, quantize_input


class ReferenceEngine:
    """See `interface.Engine`."""

    name = "reference (numpy)"

    def __init__(self, calibrated: CalibratedGru) -> None:
        self._calibrated = calibrated

    def logits(self, widths: Sequence[Widths], sequences: Sequences) -> NDArray[np.int32]:
        """Logits of each candidate on each sequence."""
        shape = (len(widths), len(sequences), self._calibrated.weights.n_classes)
        results = [self._infer(candidate, sequences).logits for candidate in widths]
        return np.array(results, np.int32).reshape(shape)

    def final_states(self, widths: Widths, sequences: Sequences) -> tuple[Integers, ...]:
        """The carried state of each layer after each sequence's last step."""
        return self._infer(widths, sequences).states

    def _infer(self, widths: Widths, sequences: Sequences) -> Result:
        gru = quantize(self._calibrated, widths)
        return infer(gru, quantize_input(sequences.x, gru.input), sequences.lengths)
