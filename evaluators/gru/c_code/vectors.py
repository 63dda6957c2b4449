"""Test vectors: inputs and what the network must make of them, as C and for other programs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.c_code.literals import array
from evaluators.gru.integer_gru import IntegerGru
from evaluators.gru.reference import infer, quantize_input

_HEADER = """\
/* Sequences and the logits that the model must give for them. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include <stdint.h>

#include "model.h"

#define TEST_N_SEQUENCES {n_sequences}
#define TEST_N_STEPS {n_steps}

/* Steps of each sequence. */
extern const int32_t test_lengths[TEST_N_SEQUENCES];

/* The steps of all sequences, one sequence after the other. */
extern const int8_t test_inputs[TEST_N_STEPS][MODEL_N_INPUTS];

extern const int32_t test_logits[TEST_N_SEQUENCES][MODEL_N_CLASSES];

#endif
"""


@dataclass(frozen=True)
class Vectors:
    """Quantized sequences with what the reference makes of them.

    Attributes:
        x: int8, shape (n_sequences, n_steps, n_inputs); what follows a sequence's end has no meaning.
        lengths: Steps of each sequence, int64, shape (n_sequences,).
        logits: int32, shape (n_sequences, n_classes).
        states: The carried state of each layer after each sequence's own last step, int16, shape (n_sequences, hidden).
    """

    x: NDArray[np.int8]
    lengths: NDArray[np.int64]
    logits: NDArray[np.int32]
    states: tuple[NDArray[np.int16], ...]

    @classmethod
    def of(cls, gru: IntegerGru, sequences: Sequences) -> Vectors:
        """What the reference makes of some sequences."""
        x = quantize_input(sequences.x, gru.input)
        result = infer(gru, x, sequences.lengths)
        return cls(x, sequences.lengths, result.logits, tuple(state.astype(np.int16) for state in result.states))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """By name, as they are stored."""
        states = {f"state{index}": state for index, state in enumerate(self.states)}
        return {"x": self.x, "lengths": self.lengths, "logits": self.logits, **states}


def vectors_header(vectors: Vectors) -> str:
    """`test_vectors.h`."""
    return _HEADER.format(n_sequences=len(vectors.lengths), n_steps=int(vectors.lengths.sum()))


def vectors_source(vectors: Vectors) -> str:
    """`test_vectors.c`."""
    steps = [sequence[:length] for sequence, length in zip(vectors.x, vectors.lengths.tolist(), strict=True)]
    return "\n".join(
        (
            '#include "test_vectors.h"\n',
            array("int32_t", "test_lengths[TEST_N_SEQUENCES]", vectors.lengths),
            array("int8_t", "test_inputs[TEST_N_STEPS][MODEL_N_INPUTS]", np.concatenate(steps)),
            array("int32_t", "test_logits[TEST_N_SEQUENCES][MODEL_N_CLASSES]", vectors.logits),
        )
    )
