"""The native block hook: its compiled library, its state, and its installation in the emulator."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models.emulator.toolchain import compile_host_library
from cost_models.extras import require

HOOK_SOURCE = Path(__file__).with_name("block_hook.c")

LIMIT_REACHED = 1
BLOCK_CHANGED = 2

BLOCK_COUNT = np.dtype(
    [("executions", np.uint64), ("taken_exits", np.uint64), ("n_bytes", np.uint32), ("n_instructions", np.uint32)]
)
"""One basic block, as `block_count` in block_hook.c."""


class _HookState(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_void_p),
        ("counts", ctypes.c_void_p),
        ("previous", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("instructions", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("code_start", ctypes.c_uint32),
        ("previous_end", ctypes.c_uint32),
        ("problem", ctypes.c_uint32),
    )


class BlockHook:
    """Counts executions and taken exits of the basic blocks of a piece of code.

    Args:
        emulator: A `unicorn.Uc`; it must live as long as this object is used.
        code: What the emulator runs from `code_start` on.
        code_start: Address in the emulated device.
        cache_directory: Where the compiled hook is kept.

    Raises:
        CompilerError: The hook does not compile on this machine.
        MissingExtraError: Compiler or emulator are not installed.
    """

    def __init__(self, emulator: Any, code: bytes, code_start: int, cache_directory: Path) -> None:
        binding = require("unicorn.unicorn_py3.unicorn", "emulating a Cortex-M", "mcu")
        constants = require("unicorn.unicorn_const", "emulating a Cortex-M", "mcu")
        self._library = ctypes.CDLL(str(compile_host_library([HOOK_SOURCE], cache_directory)))
        self._code = np.frombuffer(code, np.uint8).copy()
        # One entry more than there are halfwords: "the block before the first".
        self._counts = np.zeros(len(code) // 2 + 1, BLOCK_COUNT)
        self._state = _HookState(
            code=self._code.ctypes.data,
            counts=self._counts.ctypes.data,
            stop=ctypes.cast(binding.uclib.uc_emu_stop, ctypes.c_void_p).value,
            code_start=code_start,
        )
        # The binding only takes Python callables, so that the C interface has to be called here. Its prototype
        # ends in "...", but for this kind of hook there are no further arguments.
        handle = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            emulator._uch,
            ctypes.byref(handle),
            constants.UC_HOOK_BLOCK,
            ctypes.cast(self._library.block_hook, ctypes.c_void_p),
            ctypes.cast(ctypes.byref(self._state), ctypes.c_void_p),
            ctypes.c_uint64(code_start),
            ctypes.c_uint64(code_start + len(code) - 1),
        )
        if status != constants.UC_ERR_OK:
            raise RuntimeError(f"the emulator refused the block hook: {binding.uclib.uc_strerror(status).decode()}")

    def reset(self, max_instructions: int) -> None:
        """Forget all counts; stop the emulator after `max_instructions`."""
        self._counts["executions"] = 0
        self._counts["taken_exits"] = 0
        self._state.previous = self._counts.ctypes.data + BLOCK_COUNT.itemsize * (len(self._counts) - 1)
        self._state.previous_end = 0
        self._state.instructions = 0
        self._state.limit = max_instructions
        self._state.problem = 0

    def finish(self) -> None:
        """Count the exit from the last block, which led back to the caller."""
        offset = self._state.previous - self._counts.ctypes.data
        self._counts["taken_exits"][offset // BLOCK_COUNT.itemsize] += 1

    @property
    def counts(self) -> NDArray[np.void]:
        """The blocks, of dtype `BLOCK_COUNT`, one for each halfword of code; those with executions were run."""
        return self._counts[:-1]

    @property
    def problem(self) -> int:
        """0, `LIMIT_REACHED`, or `BLOCK_CHANGED`: the code changed under the emulator."""
        return int(self._state.problem)
