"""Where the kernel keeps what it works on while it runs a block of sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.gru.engine.instructions import OPERAND_BYTES, Instructions
from evaluators.gru.engine.kernel import CARRIED_BYTES, SCORE_BYTES
from evaluators.gru.engine.parameters import Population
from evaluators.gru.formats import Integers
from evaluators.gru.weights import GruWeights
from evaluators.machine_code.memory import CACHE_LINE_BYTES


class Workspace:
    """Sizes of a network, and the places of the buffers that the kernel needs for a block of sequences.

    Attributes:
        n_bytes: Of all buffers.
    """

    def __init__(self, weights: GruWeights, instructions: Instructions) -> None:
        self.n_bytes = 0
        self._lanes = instructions.lanes
        n_groups = -(-weights.layers[0].n_inputs // instructions.group)
        read = self._reserve(n_groups, OPERAND_BYTES)
        assert read == 0, "the kernel packs the input at the beginning"
        self._layers = []
        for layer in weights.layers:
            n_hidden, n_read_groups = layer.n_hidden, n_groups
            n_groups = -(-n_hidden // instructions.group)
            fields = {
                "n_read_groups": n_read_groups,
                "n_hidden": n_hidden,
                "n_hidden_groups": n_groups,
                "read": read,
                "operand": self._reserve(n_groups, OPERAND_BYTES),
                "rows": self._reserve(n_groups * instructions.group),
                "carried": self._reserve(n_hidden, CARRIED_BYTES),
                "update_index": self._reserve(n_hidden),
                "new_index": self._reserve(n_hidden),
            }
            read = fields["operand"]
            self._layers.append(fields)
        self._classifier = {
            "n_classes": weights.n_classes,
            "scores": self._reserve(weights.n_classes, SCORE_BYTES),
        }

    def fill(self, population: Population) -> None:
        """Write sizes and places into a population's records."""
        for index, fields in enumerate(self._layers):
            for name, value in fields.items():
                population.layers[name][:, index] = value
        for name, value in self._classifier.items():
            population.classifiers[name] = value

    def states(self, memory: NDArray[np.uint8], order: Integers) -> tuple[Integers, ...]:
        """The carried state of each layer, (n_sequences, hidden), from the buffers of all blocks, (n_blocks, n_bytes).

        Args:
            memory: The buffers.
            order: Which sequence each lane held, block after block.
        """
        states = []
        for fields in self._layers:
            n_hidden, place = fields["n_hidden"], fields["carried"]
            n_bytes = CARRIED_BYTES * n_hidden * self._lanes
            carried = np.ascontiguousarray(memory[:, place : place + n_bytes]).view(np.int16)
            by_lane = carried.reshape(-1, n_hidden, self._lanes).transpose(0, 2, 1).reshape(-1, n_hidden)
            state = np.empty((len(order), n_hidden), np.int64)
            state[order] = by_lane[: len(order)]
            states.append(state)
        return tuple(states)

    def _reserve(self, n_rows: int, element_bytes: int = 1) -> int:
        place = self.n_bytes
        n_bytes = n_rows * self._lanes * element_bytes
        self.n_bytes += -(-n_bytes // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
        return place
