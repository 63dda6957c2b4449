"""The engine that compiles its kernel for the processor it finds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.engine.batches import Batch, pack
from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.kernel import Variant, build
from evaluators.gru.engine.parameters import Population, population_of
from evaluators.gru.engine.plain import ReferenceEngine
from evaluators.gru.engine.prepared import PreparedArrays
from evaluators.gru.engine.workspace import Workspace
from evaluators.gru.formats import Integers
from evaluators.gru.operators import Widths
from evaluators.machine_code.jit import MachineCode
from evaluators.machine_code.memory import aligned_zeros

_KEPT_BATCHES = 16


@lru_cache
def compiled_kernel(instructions: Instructions, variant: Variant, processor: str = "") -> MachineCode:
    """The kernel, compiled once a process."""
    return MachineCode(build(instructions, variant), processor)


class CompiledEngine:
    """See `interface.Engine`. Candidates whose accumulators the kernel could not hold go to the reference.

    Args:
        calibrated: The network.
        instructions: What the kernel is made of; the processor must have them.
        threads: Candidates that run at once.
        processor: A model, by LLVM's name, to generate code for; empty: the one this runs on.

    Raises:
        RuntimeError: This LLVM does not know an instruction that the kernel is made of.
    """

    def __init__(
        self, calibrated: CalibratedGru, instructions: Instructions, threads: int = 1, processor: str = ""
    ) -> None:
        self._calibrated = calibrated
        self._instructions = instructions
        self._threads = threads
        self._processor = processor
        self._prepared = PreparedArrays(calibrated, instructions)
        self._workspace = Workspace(calibrated.weights, instructions)
        self._reference = ReferenceEngine(calibrated)
        self._batches: OrderedDict[tuple[int, ...], tuple[Sequences, Batch]] = OrderedDict()
        self._kernel(Variant(wide_sums=False, rescaled_state=False))

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew in another process: addresses and machine code mean nothing there."""
        return CompiledEngine, (self._calibrated, self._instructions, self._threads, self._processor)

    @property
    def name(self) -> str:
        """One line for people."""
        return f"{self._instructions.name} (llvmlite)"

    def logits(self, widths: Sequence[Widths], sequences: Sequences) -> NDArray[np.int32]:
        """Logits of each candidate on each sequence."""
        logits = np.empty((len(widths), len(sequences), self._calibrated.weights.n_classes), np.int32)
        if logits.size == 0:
            return logits
        runs = self._runs(widths, sequences)

        def run_share(share: Iterable[int]) -> None:
            memory = aligned_zeros((self._workspace.n_bytes,), np.uint8)
            for index in share:
                if runs[index].is_exact:
                    runs[index].call(memory, 0, logits[index])
                else:
                    logits[index] = self._reference.logits([widths[index]], sequences)[0]

        n_shares = min(self._threads, len(widths))
        shares = [range(first, len(widths), n_shares) for first in range(n_shares)]
        if n_shares == 1:
            run_share(shares[0])
        else:
            with ThreadPoolExecutor(n_shares) as pool:
                list(pool.map(run_share, shares))
        return logits

    def final_states(self, widths: Widths, sequences: Sequences) -> tuple[Integers, ...]:
        """The carried state of each layer after each sequence's last step."""
        (run,) = self._runs([widths], sequences)
        if not run.is_exact:
            return self._reference.final_states(widths, sequences)
        memory = aligned_zeros((run.batch.n_blocks, self._workspace.n_bytes), np.uint8)
        unused = np.empty((len(sequences), self._calibrated.weights.n_classes), np.int32)
        run.call(memory, self._workspace.n_bytes, unused)
        return self._workspace.states(memory, run.batch.order.ravel()[: len(sequences)])

    def _runs(self, widths: Sequence[Widths], sequences: Sequences) -> list[_Run]:
        population = population_of(self._calibrated, self._prepared, widths)
        self._workspace.fill(population)
        return [
            _Run(
                population,
                index,
                self._kernel(Variant(bool(wide_sums), bool(rescaled_state))),
                self._batch(sequences, candidate["input"]),
            )
            for index, (candidate, wide_sums, rescaled_state) in enumerate(
                zip(widths, population.wide_sums, population.rescaled_state, strict=True)
            )
        ]

    def _kernel(self, variant: Variant) -> MachineCode:
        return compiled_kernel(self._instructions, variant, self._processor)

    def _batch(self, sequences: Sequences, bits: int) -> Batch:
        # The arrays are told apart by their addresses, which stay theirs for as long as the entry holds them:
        # the first n of some sequences are a new object each time, and the same arrays.
        x, lengths = sequences.x, sequences.lengths
        key = (x.ctypes.data, *x.shape, *x.strides, lengths.ctypes.data, *lengths.strides, bits)
        n_inputs = self._calibrated.weights.layers[0].n_inputs
        if x.shape[2] != n_inputs:
            raise ValueError(f"sequences of {x.shape[2]} features, network of {n_inputs} inputs")
        if key not in self._batches:
            batch = pack(sequences, self._calibrated.format("input", bits), self._instructions)
            self._batches[key] = (sequences, batch)
            if len(self._batches) > _KEPT_BATCHES:
                self._batches.popitem(last=False)
        self._batches.move_to_end(key)
        return self._batches[key][1]


@dataclass(frozen=True)
class _Run:
    """One candidate of a population, ready to run."""

    population: Population
    index: int
    kernel: MachineCode
    batch: Batch

    @property
    def is_exact(self) -> bool:
        return bool(self.population.is_exact[self.index])

    def call(self, workspace: NDArray[np.uint8], stride: int, logits: NDArray[np.int32]) -> None:
        layers, classifiers = self.population.layers, self.population.classifiers
        assert logits.flags.c_contiguous
        self.kernel(
            layers.ctypes.data + self.index * layers.strides[0],
            layers.shape[1],
            classifiers.ctypes.data + self.index * classifiers.strides[0],
            self.batch.record.ctypes.data,
            workspace.ctypes.data,
            stride,
            logits.ctypes.data,
        )
