"""An exported folder of C on an emulated core: compiled from the folder's own files, run with the test vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cost_models.emulator import CORES, Call, Image, Machine, compile_image
from cost_models.extras import require
from evaluators.c_interface import FUNCTIONS, INPUT, LOGITS, CInterface

PACKAGES = ("ziglang", "unicorn", "capstone", "elftools")


def require_emulator(needed_by: str) -> None:
    """Make sure that C can be compiled and emulated here.

    Raises:
        MissingExtraError: A package is not installed.
    """
    for package in PACKAGES:
        require(package, needed_by, "mcu")


@dataclass(frozen=True)
class SequenceRun:
    """What the model made of one sequence.

    Attributes:
        logits: int32, shape (n_classes,).
        winner: What `model_classify` returned.
        states: Each layer's state after the last step.
        once_cycles: Of `model_init` and `model_classify` together.
        step_cycles: Of each call of `model_step`.
        stack_bytes: The deepest that the stack was.
    """

    logits: NDArray[np.int32]
    winner: int
    states: Sequence[NDArray[np.int16]]
    once_cycles: int
    step_cycles: Sequence[int]
    stack_bytes: int


class EmulatedModel:
    """The model of an exported folder, linked without test vectors.

    Args:
        folder: What was exported.
        interface: What the folder says of itself.
        cache_directory: Where compiled code is kept.

    Raises:
        CompilerError: The folder's files do not compile.
        MissingExtraError: An optional package is not installed.
    """

    def __init__(self, folder: Path, interface: CInterface, cache_directory: Path) -> None:
        core = CORES[interface.core]
        sources = [folder / "model.c", *sorted(folder.glob("tp_*.c"))]
        flags = [*interface.flags.split(), "-pedantic"]
        path = compile_image(sources, core, cache_directory, keep=FUNCTIONS, include_directories=[folder], flags=flags)
        self.image = Image.load(path)
        self._interface = interface
        self._machine = Machine(self.image, core, cache_directory)

    def run(self, x: NDArray[np.int8]) -> SequenceRun:
        """Classify a sequence.

        Args:
            x: Quantized features, shape (n_steps, n_inputs).

        Raises:
            EmulationError: The code did what a microcontroller would answer with a fault.
            ImageError: The model lacks one of its variables.
        """
        init = self._machine.call("model_init")
        steps = [self._step(row) for row in x]
        classify = self._machine.call("model_classify")
        return SequenceRun(
            logits=self._machine.read(LOGITS, np.int32, self._interface.n_classes),
            winner=classify.value,
            states=self._states(),
            once_cycles=init.cycles + classify.cycles,
            step_cycles=[step.cycles for step in steps],
            stack_bytes=max(call.stack_bytes for call in (init, *steps, classify)),
        )

    def _step(self, features: NDArray[np.int8]) -> Call:
        self._machine.write(INPUT, features)
        return self._machine.call("model_step")

    def _states(self) -> list[NDArray[np.int16]]:
        return [
            self._machine.read(state.symbol, f"int{state.bits}", state.n_elements).astype(np.int16)
            for state in self._interface.states
        ]
