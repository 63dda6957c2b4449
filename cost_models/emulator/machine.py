"""An emulated microcontroller: a linked image in memory, and calls of its functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cost_models.emulator.cores import Core
from cost_models.emulator.hook import BLOCK_CHANGED, LIMIT_REACHED, BlockHook
from cost_models.emulator.image import FLASH_START, RAM_BYTES, RAM_START, Image
from cost_models.emulator.profile import Profile, Profiler
from cost_models.emulator.timing import TIMINGS
from cost_models.errors import EmulationError, ImageError
from cost_models.extras import require

DEFAULT_MAX_INSTRUCTIONS = 2_000_000_000
_PAGE_BYTES = 4096
_STACK_END = 0x2100_0000
_STACK_BYTES = 64 << 10
# Nothing is mapped below the stack, so that an overflow is a fault.
_STACK_PAINT = 0xA5
# Functions return to a page of its own: nothing else leads there.
_RETURN_ADDRESS = 0x3000_0000
_THUMB = 1


@dataclass(frozen=True)
class Call:
    """What one call of a function gave and took.

    Attributes:
        value: Register r0 on return, as a signed number.
        profile: Instructions and cycles, function by function.
        stack_bytes: The deepest that the stack was, to the last byte written.
    """

    value: int
    profile: Profile
    stack_bytes: int

    @property
    def cycles(self) -> int:
        """Cycles by the core's table of timings."""
        return self.profile.cycles

    @property
    def instructions(self) -> int:
        """Instructions executed."""
        return self.profile.instructions


class Machine:
    """A Cortex-M with an image in its memory, zero wait states, no peripherals.

    Variables keep their values from call to call; code and constants cannot be written.

    Args:
        image: The program.
        core: Which Cortex-M.
        cache_directory: Where the compiled block hook is kept.

    Raises:
        ImageError: The image has no code.
        MissingExtraError: An optional package is not installed.
    """

    def __init__(self, image: Image, core: Core, cache_directory: Path) -> None:
        self.image = image
        self.core = core
        self._unicorn = require("unicorn", "emulating a Cortex-M", "mcu")
        self._arm = require("unicorn.arm_const", "emulating a Cortex-M", "mcu")
        flash = _flash_content(image)
        self._emulator = self._start(flash)
        self._free = _first_free_address(image)
        self._hook = BlockHook(self._emulator, flash, FLASH_START, cache_directory)
        self._profiler = Profiler(image, flash, FLASH_START, TIMINGS[core.timing])

    def call(self, function: str, *arguments: int, max_instructions: int = DEFAULT_MAX_INSTRUCTIONS) -> Call:
        """Run a function to its end.

        Args:
            function: Its name.
            arguments: Integers and addresses of at most 32 bits.
            max_instructions: What counts as never returning.

        Raises:
            EmulationError: The code touched memory that is not there, ran an undefined instruction or did not
                return in time; the message names the function.
            ImageError: There is no such function.
        """
        entry = self.image.symbol(function)
        stack_pointer = self._place_arguments(arguments)
        self._hook.reset(max_instructions)
        self._run(entry.address, max_instructions)
        self._hook.finish()
        return Call(
            value=int(np.int32(np.uint32(self._emulator.reg_read(self._arm.UC_ARM_REG_R0)))),
            profile=self._profiler.profile(self._hook.counts),
            stack_bytes=self._stack_depth(stack_pointer),
        )

    def place(self, content: bytes | NDArray[np.generic], alignment: int = 4) -> int:
        """Put bytes into RAM that no variable uses and return their address; never freed.

        Raises:
            ImageError: The RAM is full.
        """
        data = content if isinstance(content, bytes) else content.tobytes()
        address = -(-self._free // alignment) * alignment
        if address + len(data) > RAM_START + RAM_BYTES:
            raise ImageError(f"{len(data)} bytes do not fit into the {RAM_BYTES} bytes of emulated RAM")
        self._free = address + len(data)
        self._emulator.mem_write(address, data)
        return address

    def write(self, symbol: str, content: bytes | NDArray[np.generic]) -> None:
        """Set the first bytes of a variable.

        Raises:
            ImageError: There is no such variable, or it is smaller.
        """
        data = content if isinstance(content, bytes) else content.tobytes()
        variable = self.image.symbol(symbol)
        if len(data) > variable.n_bytes:
            raise ImageError(f"{symbol} has {variable.n_bytes} bytes, {len(data)} were to be written")
        self._emulator.mem_write(variable.address, data)

    def read(self, place: str | int, dtype: DTypeLike, count: int) -> NDArray[Any]:
        """Read `count` elements of a variable, or from an address.

        Raises:
            EmulationError: There is no memory.
            ImageError: There is no such variable.
        """
        address = self.image.symbol(place).address if isinstance(place, str) else place
        n_bytes = np.dtype(dtype).itemsize * count
        try:
            return np.frombuffer(bytes(self._emulator.mem_read(address, n_bytes)), dtype)
        except self._unicorn.UcError as error:
            raise EmulationError(f"{n_bytes} bytes from {address:#010x} cannot be read: {error}") from error

    def _start(self, flash: bytes) -> Any:
        uc = self._unicorn
        emulator = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        emulator.ctl_set_cpu_model(getattr(self._arm, self.core.unicorn_model))
        emulator.mem_map(FLASH_START, _whole_pages(len(flash)), uc.UC_PROT_READ | uc.UC_PROT_EXEC)
        emulator.mem_map(RAM_START, RAM_BYTES, uc.UC_PROT_READ | uc.UC_PROT_WRITE)
        emulator.mem_map(_STACK_END - _STACK_BYTES, _STACK_BYTES, uc.UC_PROT_READ | uc.UC_PROT_WRITE)
        emulator.mem_map(_RETURN_ADDRESS, _PAGE_BYTES, uc.UC_PROT_READ | uc.UC_PROT_EXEC)
        emulator.mem_write(FLASH_START, flash)
        for segment in self.image.segments:
            if segment.address >= RAM_START:
                emulator.mem_write(segment.address, segment.content)
        return emulator

    def _place_arguments(self, arguments: Sequence[int]) -> int:
        """Pass arguments as the procedure call standard wants: four in registers, the others on the stack."""
        words = [argument & 0xFFFF_FFFF for argument in arguments]
        arm, emulator = self._arm, self._emulator
        emulator.mem_write(_STACK_END - _STACK_BYTES, bytes([_STACK_PAINT]) * _STACK_BYTES)
        on_stack = np.array(words[4:], "<u4").tobytes()
        stack_pointer = _STACK_END - -(-len(on_stack) // 8) * 8
        emulator.mem_write(stack_pointer, on_stack)
        registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
        for register, word in zip(registers, words, strict=False):
            emulator.reg_write(register, word)
        emulator.reg_write(arm.UC_ARM_REG_SP, stack_pointer)
        emulator.reg_write(arm.UC_ARM_REG_LR, _RETURN_ADDRESS | _THUMB)
        return stack_pointer

    def _run(self, entry: int, max_instructions: int) -> None:
        failure = None
        try:
            self._emulator.emu_start(entry | _THUMB, _RETURN_ADDRESS)
        except self._unicorn.UcError as error:
            failure = error
        pc = self._emulator.reg_read(self._arm.UC_ARM_REG_PC)
        place = f"in {self.image.function_at(pc)} (pc {pc:#010x})"
        if self._hook.problem == LIMIT_REACHED:
            raise EmulationError(f"no return after {max_instructions} instructions, stopped {place}")
        if failure is not None:
            caller = self.image.function_at(self._emulator.reg_read(self._arm.UC_ARM_REG_LR) & ~_THUMB)
            raise EmulationError(f"{failure} {place}, return address in {caller}") from failure
        assert self._hook.problem != BLOCK_CHANGED, "code cannot be written"
        if pc != _RETURN_ADDRESS:
            raise EmulationError(f"the core stopped {place}")

    def _stack_depth(self, stack_pointer: int) -> int:
        below = self.read(_STACK_END - _STACK_BYTES, np.uint8, stack_pointer - (_STACK_END - _STACK_BYTES))
        written = np.flatnonzero(below != _STACK_PAINT)
        return len(below) - int(written[0]) if len(written) else 0


def _flash_content(image: Image) -> bytes:
    in_flash = [segment for segment in image.segments if segment.address < RAM_START]
    if not in_flash:
        raise ImageError("the image has no code")
    content = bytearray(max(segment.address + len(segment.content) for segment in in_flash) - FLASH_START)
    for segment in in_flash:
        offset = segment.address - FLASH_START
        content[offset : offset + len(segment.content)] = segment.content
    return bytes(content) + bytes(len(content) % 2)


def _first_free_address(image: Image) -> int:
    return max((section.address + section.n_bytes for section in image.sections if section.in_ram), default=RAM_START)


def _whole_pages(n_bytes: int) -> int:
    return -(-n_bytes // _PAGE_BYTES) * _PAGE_BYTES
