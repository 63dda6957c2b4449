"""What every engine offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.formats import Integers
from evaluators.gru.operators import Widths


class Engine(Protocol):
    """Runs any quantization of one calibrated network, bit-exact with `evaluators.gru.reference`."""

    @property
    def name(self) -> str:
        """One line for people."""

    def logits(self, widths: Sequence[Widths], sequences: Sequences) -> NDArray[np.int32]:
        """Logits of each candidate on each sequence.

        Args:
            widths: The candidates.
            sequences: Must not be changed in place between calls: their quantized form is kept.

        Returns:
            Shape (n_candidates, n_sequences, n_classes).

        Raises:
            QuantizationError: The formats of a candidate cannot be expressed by the integer arithmetic.
            ValueError: Widths or sequences do not suit the network.
        """

    def final_states(self, widths: Widths, sequences: Sequences) -> tuple[Integers, ...]:
        """The carried state of each layer after each sequence's last step, shape (n_sequences, hidden)."""
