"""The processor cores that can be emulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Core:
    """One Cortex-M core.

    Attributes:
        name: As targets call it.
        compiler_cpu: The compiler's `-mcpu`.
        unicorn_model: Name of the emulator's constant for the CPU model.
        timing: Which table of instruction timings counts its cycles. Cortex-M33 and M7 borrow the Cortex-M4's:
            their cycles are what an M4 would need for the same instructions.
        has_dsp: The DSP extension (SMLAD, SXTB16, ...) is there.
    """

    name: str
    compiler_cpu: str
    unicorn_model: str
    timing: str
    has_dsp: bool


CORES: Mapping[str, Core] = MappingProxyType(
    {
        core.name: core
        # The DSP extension is optional on a Cortex-M33; the usual microcontrollers have it.
        for core in (
            Core("cortex_m0", "cortex_m0", "UC_CPU_ARM_CORTEX_M0", timing="cortex_m0", has_dsp=False),
            Core("cortex_m4", "cortex_m4", "UC_CPU_ARM_CORTEX_M4", timing="cortex_m4", has_dsp=True),
            Core("cortex_m7", "cortex_m7", "UC_CPU_ARM_CORTEX_M7", timing="cortex_m4", has_dsp=True),
            Core("cortex_m33", "cortex_m33+dsp", "UC_CPU_ARM_CORTEX_M33", timing="cortex_m4", has_dsp=True),
        )
    }
)
"""Core name -> core."""
