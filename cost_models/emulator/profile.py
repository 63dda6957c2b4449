"""From counted basic blocks to cycles, function by function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cost_models.emulator.image import Image
from cost_models.emulator.timing import TAKEN_BRANCH_CYCLES, BlockTiming, decode


@dataclass(frozen=True)
class FunctionCost:
    """What one function took, the functions that it called not included.

    Attributes:
        calls: How often its first instruction was reached.
    """

    name: str
    calls: int
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Profile:
    """What one call took.

    Attributes:
        instructions: Executed, those of conditional blocks that were skipped included.
        cycles: By the core's table of timings, zero wait states.
        taken_branches: How often the pipeline was refilled; each counts `TAKEN_BRANCH_CYCLES` in `cycles`.
        functions: Those that ran, the most expensive first.
    """

    instructions: int
    cycles: int
    taken_branches: int
    functions: Sequence[FunctionCost]


class Profiler:
    """Turns block counts into profiles; what a block costs is computed once.

    Args:
        image: The program.
        code: Its code from `code_start` on.
        code_start: Address in the emulated device.
        timing: The core's table of timings.
    """

    def __init__(self, image: Image, code: bytes, code_start: int, timing: BlockTiming) -> None:
        self._image = image
        self._code = code
        self._code_start = code_start
        self._timing = timing
        self._cycles: dict[int, int] = {}

    def profile(self, counts: NDArray[np.void]) -> Profile:
        """Cost the blocks that were executed; `counts` as `BlockHook.counts`."""
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        taken_branches = 0
        for index in np.flatnonzero(counts["executions"]).tolist():
            executions, taken_exits, n_bytes, n_instructions = counts[index].item()
            address = self._code_start + 2 * index
            name = self._image.function_at(address)
            total = totals[name]
            total[0] += executions if self._is_entry(name, address) else 0
            total[1] += executions * n_instructions
            total[2] += executions * self._block_cycles(index, n_bytes) + taken_exits * TAKEN_BRANCH_CYCLES
            taken_branches += taken_exits
        functions = [FunctionCost(name, *total) for name, total in totals.items()]
        return Profile(
            instructions=sum(function.instructions for function in functions),
            cycles=sum(function.cycles for function in functions),
            taken_branches=taken_branches,
            functions=tuple(sorted(functions, key=lambda function: (-function.cycles, function.name))),
        )

    def _is_entry(self, name: str, address: int) -> bool:
        return name in self._image.symbols and self._image.symbols[name].address == address

    def _block_cycles(self, index: int, n_bytes: int) -> int:
        if index not in self._cycles:
            content = self._code[2 * index : 2 * index + n_bytes]
            self._cycles[index] = self._timing(decode(content, self._code_start + 2 * index))
        return self._cycles[index]
