"""Cycles of basic blocks, from the tables of instruction timings in ARM's Technical Reference Manuals.

Zero wait states. A taken branch refills the pipeline; the manuals give 1 to 3 cycles for it, 2 are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cost_models.extras import require

TAKEN_BRANCH_CYCLES = 2
"""Added to a block's cycles each time that its exit is taken."""

_DIVISION_CYCLES = 7
# The manual says 2 to 12, by the values divided. The middle.

_WIDE_SUFFIX = ".w"
_CONDITIONS = ("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")


@dataclass(frozen=True)
class Instruction:
    """What of an instruction decides its cycles.

    Attributes:
        mnemonic: Without condition and width suffix.
        registers: Registers named by number, those of a memory operand not included.
        base: The register that a memory operand begins with, or None.
        has_register_offset: The memory operand adds a register.
        writes_pc: It loads the program counter from memory.
    """

    mnemonic: str
    registers: tuple[int, ...]
    base: int | None
    has_register_offset: bool
    writes_pc: bool


BlockTiming = Callable[[Sequence[Instruction]], int]


def decode(code: bytes, address: int) -> list[Instruction]:
    """Disassemble Thumb code.

    Raises:
        MissingExtraError: There is no disassembler.
    """
    capstone = require("capstone", "counting cycles", "mcu")
    arm = require("capstone.arm", "counting cycles", "mcu")
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    disassembler.detail = True
    instructions = []
    for found in disassembler.disasm(code, address):
        memory = next((operand.mem for operand in found.operands if operand.type == arm.ARM_OP_MEM), None)
        registers = tuple(operand.reg for operand in found.operands if operand.type == arm.ARM_OP_REG)
        mnemonic = _plain_mnemonic(found.mnemonic, found.cc not in (arm.ARM_CC_AL, arm.ARM_CC_INVALID))
        loads = mnemonic.startswith(("ldr", "ldm", "pop"))
        instructions.append(
            Instruction(
                mnemonic,
                registers,
                base=memory.base if memory else None,
                has_register_offset=memory is not None and memory.index != 0,
                writes_pc=loads and arm.ARM_REG_PC in registers,
            )
        )
    return instructions


def _plain_mnemonic(mnemonic: str, is_conditional: bool) -> str:
    plain = mnemonic.removesuffix(_WIDE_SUFFIX)
    return plain[:-2] if is_conditional and plain.endswith(_CONDITIONS) else plain


def cortex_m4_cycles(block: Sequence[Instruction]) -> int:
    """Cycles of one execution of a block on a Cortex-M4, the refill after a taken exit not included.

    Cortex-M4 Technical Reference Manual, table of instruction timings.
    """
    cycles = 0
    previous: Instruction | None = None
    for instruction in block:
        cycles += _cortex_m4_instruction(instruction, previous)
        previous = instruction
    return cycles


def _cortex_m4_instruction(instruction: Instruction, previous: Instruction | None) -> int:
    name = instruction.mnemonic
    if name in ("ldrd", "strd"):
        return 3
    if name.startswith("ldr"):
        return 1 if _is_pipelined(instruction, previous) else 2
    if name.startswith("str"):
        after_load = previous is not None and _is_single_load(previous)
        return 2 if instruction.has_register_offset and not after_load else 1
    if name.startswith(("ldm", "stm", "push", "pop", "vldm", "vstm", "vpush", "vpop")):
        return 1 + _list_length(instruction)
    if name.startswith(("vldr", "vstr")):
        return 2
    if name.startswith(("vdiv", "vsqrt")):
        return 14
    if name.startswith(("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms")):
        return 3
    return _DIVISION_CYCLES if name in ("udiv", "sdiv") else 1


def _is_pipelined(load: Instruction, previous: Instruction | None) -> bool:
    """A load right after another one overlaps with it, unless it needs the address that the other one loads."""
    return previous is not None and _is_single_load(previous) and previous.registers[0] != load.base


def _is_single_load(instruction: Instruction) -> bool:
    return instruction.mnemonic.startswith("ldr") and instruction.mnemonic != "ldrd"


def _list_length(instruction: Instruction) -> int:
    """Registers of a multiple load or store; LDM and STM name their base first, PUSH and POP do not."""
    names_base = "ldm" in instruction.mnemonic or "stm" in instruction.mnemonic
    return len(instruction.registers) - names_base


def cortex_m0_cycles(block: Sequence[Instruction]) -> int:
    """Cycles of one execution of a block on a Cortex-M0 with the single-cycle multiplier, as for the Cortex-M4.

    Cortex-M0 Technical Reference Manual, table of instruction cycle timings.
    """
    return sum(map(_cortex_m0_instruction, block))


def _cortex_m0_instruction(instruction: Instruction) -> int:
    name = instruction.mnemonic
    if name.startswith(("ldr", "str")) or name == "bl":
        return 2
    if name.startswith(("ldm", "stm", "push", "pop")):
        return 1 + _list_length(instruction) + instruction.writes_pc
    return 1


TIMINGS: Mapping[str, BlockTiming] = MappingProxyType({"cortex_m0": cortex_m0_cycles, "cortex_m4": cortex_m4_cycles})
"""Name of a table of timings -> cycles of a block."""
