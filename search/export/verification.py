"""Checks an exported folder of C: outputs to the bit, and cycles, flash and RAM against what was predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from cost_models import Target, Workload, load_target
from cost_models.cycles import operator_cycles
from cost_models.emulator import compiler_version
from evaluators.c_interface import CInterface
from search.export.emulation import EmulatedModel, SequenceRun
from search.export.host import HostTest

VECTORS_FILE, VERIFICATION_FILE = "test_vectors.safetensors", "verification.json"
MEMORY_TOLERANCE, CYCLE_TOLERANCE = 0.02, 0.10
"""Largest relative difference between what was predicted and what was found."""


@dataclass(frozen=True)
class Figure:
    """A quantity that was predicted and then measured."""

    name: str
    measured: float
    predicted: float
    tolerance: float

    @property
    def error(self) -> float:
        """Prediction over measurement, less 1."""
        return self.predicted / self.measured - 1

    @property
    def is_within_tolerance(self) -> bool:
        """Whether the prediction is good enough."""
        return abs(self.error) <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        core, compiler, flags: What the folder's files were compiled for and with.
        checked_with: The evaluators that gave the expected logits.
        n_vectors, n_exact: Test vectors, and those with all outputs to the bit as expected.
        figures: Cycles and bytes.
        stack_bytes: The deepest that the stack was; not predicted.
        host: The test on this machine.
        differences: What is not as it should be, in words.
    """

    core: str
    compiler: str
    flags: str
    checked_with: Sequence[str]
    n_vectors: int
    n_exact: int
    figures: Sequence[Figure]
    stack_bytes: int
    host: HostTest
    differences: Sequence[str]

    def document(self) -> dict[str, Any]:
        """As `verification.json` holds it."""
        figures = [{**asdict(figure), "error": figure.error} for figure in self.figures]
        return {"verified": not self.differences, **asdict(self), "figures": figures}


@dataclass(frozen=True)
class PredictedCycles:
    """Cycles of a model on a target.

    Attributes:
        step, inference: Of one time step; of a whole inference over the longest sequence.
        n_steps: Of that sequence.
    """

    step: float
    inference: float
    n_steps: int

    @classmethod
    def of(cls, workload: Workload, final_operators: Sequence[str], target: Target) -> PredictedCycles:
        """From an operator table.

        Args:
            workload: The operators of an inference.
            final_operators: Those that are not part of a step.
            target: Whose cycles.
        """
        cycles = {op.name: operator_cycles(op, target).expected for op in workload.operators}
        n_steps = round(max(op.executions for op in workload.operators if op.name not in final_operators))
        steps = sum(count for name, count in cycles.items() if name not in final_operators)
        inference = sum(cycles.values()) + target.facts.overhead_cycles.value
        return cls(steps / n_steps, inference, n_steps)


def verify(folder: Path, workload: Workload, cache_directory: Path, host: HostTest) -> Verification:
    """Compile the files of an exported folder, run all its test vectors, and compare.

    Args:
        folder: Exported by a system that writes C (`evaluators.c_interface`).
        workload: The operators of the network, for the prediction of cycles.
        cache_directory: Where compiled code is kept.
        host: How the folder's test went on this machine.

    Raises:
        CompilerError: The folder's files do not compile.
        EmulationError: The code did what a microcontroller would answer with a fault.
        MissingExtraError: An optional package is not installed.
    """
    interface = CInterface.read(folder)
    model = EmulatedModel(folder, interface, cache_directory)
    vectors = load_file(folder / VECTORS_FILE)
    runs = [model.run(x[:n]) for x, n in zip(vectors["x"], vectors["lengths"].tolist(), strict=True)]
    wrong = {index: told for index, run in enumerate(runs) if (told := _wrong_output(run, vectors, index))}
    predicted = PredictedCycles.of(workload, interface.final_operators, load_target(interface.core, Path()))
    figures = [*_cycle_figures(runs, predicted), *_memory_figures(model, interface)]
    return Verification(
        core=interface.core,
        compiler=compiler_version(),
        flags=interface.flags,
        checked_with=interface.checked_with,
        n_vectors=len(runs),
        n_exact=len(runs) - len(wrong),
        figures=figures,
        stack_bytes=max(run.stack_bytes for run in runs),
        host=host,
        differences=[*_output_differences(wrong), *_figure_differences(figures), *_host_differences(host)],
    )


def _wrong_output(run: SequenceRun, vectors: dict[str, NDArray[Any]], index: int) -> str:
    """What is wrong with what the model made of a test vector, in words; empty if nothing is."""
    logits = vectors["logits"][index]
    if not np.array_equal(run.logits, logits):
        return f"logits are {run.logits.tolist()}, expected {logits.tolist()}"
    if run.winner != int(np.argmax(logits)):
        return f"the class is {run.winner}, expected {int(np.argmax(logits))}"
    for layer, state in enumerate(run.states):
        if not np.array_equal(state, vectors[f"state{layer}"][index]):
            return f"the state of layer {layer} differs in {(state != vectors[f'state{layer}'][index]).sum()} elements"
    return ""


def _cycle_figures(runs: Sequence[SequenceRun], predicted: PredictedCycles) -> Iterator[Figure]:
    step = float(np.mean([cycles for run in runs for cycles in run.step_cycles]))
    once = float(np.mean([run.once_cycles for run in runs]))
    yield Figure("cycles of a step", step, predicted.step, CYCLE_TOLERANCE)
    # No test vector need be as long as the longest sequence; all steps take the same time.
    inference = once + predicted.n_steps * step
    yield Figure(f"cycles of an inference, {predicted.n_steps} steps", inference, predicted.inference, CYCLE_TOLERANCE)


def _memory_figures(model: EmulatedModel, interface: CInterface) -> Iterator[Figure]:
    yield Figure("bytes of flash", model.image.flash_bytes, interface.flash_bytes, MEMORY_TOLERANCE)
    yield Figure("bytes of RAM", model.image.ram_bytes, interface.ram_bytes, MEMORY_TOLERANCE)


def _output_differences(wrong: dict[int, str]) -> Iterator[str]:
    shown = 3
    for index in list(wrong)[:shown]:
        yield f"test vector {index}: {wrong[index]}"
    if len(wrong) > shown:
        yield f"{len(wrong) - shown} more test vectors differ"


def _figure_differences(figures: Sequence[Figure]) -> Iterator[str]:
    for figure in figures:
        if not figure.is_within_tolerance:
            told = f"{figure.name}: {figure.measured:,.0f} measured, {figure.predicted:,.0f} predicted"
            yield f"{told}, more than {figure.tolerance:.0%} apart"


def _host_differences(host: HostTest) -> Iterator[str]:
    if host.passed is False:
        yield f"make host-test fails: {host.message}"
