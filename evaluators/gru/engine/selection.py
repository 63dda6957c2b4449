"""Which engine runs here: the fastest one that this machine has the instructions for, and that is right."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evaluators.data import Sequences
from evaluators.errors import EvaluationError
from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.engine.avx2 import Avx2
from evaluators.gru.engine.avx512 import Avx512Vnni
from evaluators.gru.engine.compiled import CompiledEngine
from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.interface import Engine
from evaluators.gru.engine.plain import ReferenceEngine
from evaluators.gru.engine.portable import Portable
from evaluators.gru.operators import NARROW_BITS, Widths, slot_names
from evaluators.machine_code.jit import processor_features

EngineName = Literal["auto", "avx512-vnni", "avx2", "portable", "reference"]


class EngineUnavailableError(EvaluationError):
    """An engine was asked for by name that does not work on this machine."""


def select_engine(calibrated: CalibratedGru, name: EngineName = "auto", threads: int = 1) -> Engine:
    """An engine for one calibrated network.

    Args:
        calibrated: The network.
        name: `auto` for the fastest that works here, the reference if need be; else that engine and no other.
        threads: Candidates that run at once (but in the reference, which takes one at a time).

    Raises:
        EngineUnavailableError: The engine asked for does not work here.
    """
    features = processor_features()
    fastest_first: tuple[Instructions, ...] = (Avx512Vnni(), Avx2(), Portable.for_features(features))
    for instructions in fastest_first:
        if name in ("auto", instructions.name) and features.issuperset(instructions.features):
            try:
                engine = CompiledEngine(calibrated, instructions, threads)
            except RuntimeError:  # LLVM's: it does not know an instruction
                continue
            if _equals_reference(engine, calibrated):
                return engine
    if name in ("auto", "reference"):
        return ReferenceEngine(calibrated)
    raise EngineUnavailableError(f"engine {name!r} does not work on this machine; 'auto' finds one that does")


def _equals_reference(engine: Engine, calibrated: CalibratedGru) -> bool:
    """A few milliseconds' check of what the compiler made, on a few steps of noise."""
    rng = np.random.default_rng(0)
    shape = (8, 3, calibrated.weights.layers[0].n_inputs)
    noise = Sequences(rng.normal(size=shape).astype(np.float32), np.array([3, 1, 2, 3] * 2), np.zeros(8, np.int64))
    widths = Widths((NARROW_BITS,) * len(slot_names(calibrated.n_layers)))
    expected = ReferenceEngine(calibrated).logits([widths], noise)
    return np.array_equal(engine.logits([widths], noise), expected)
