"""An emulated Cortex-M: compile C, run it, count its cycles. Needs the extra `mcu`."""

from cost_models.emulator.cores import CORES, Core
from cost_models.emulator.image import Image, Section, Symbol
from cost_models.emulator.machine import Call, Machine
from cost_models.emulator.profile import FunctionCost, Profile
from cost_models.emulator.timing import TAKEN_BRANCH_CYCLES
from cost_models.emulator.toolchain import compile_host_library, compile_image, compiler_version
from cost_models.extras import are_installed


def is_available() -> bool:
    """Whether all packages of the extra `mcu` are installed."""
    return are_installed("ziglang", "unicorn", "capstone", "elftools")


__all__ = [
    "CORES",
    "TAKEN_BRANCH_CYCLES",
    "Call",
    "Core",
    "FunctionCost",
    "Image",
    "Machine",
    "Profile",
    "Section",
    "Symbol",
    "compile_host_library",
    "compile_image",
    "compiler_version",
    "is_available",
]
