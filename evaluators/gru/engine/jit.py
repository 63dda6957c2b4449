"""Compile a kernel to machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any

import llvmlite.binding as llvm

from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.kernel import FUNCTION, Variant, build

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64
_SIGNATURE = ctypes.CFUNCTYPE(None, _POINTER, _SIZE, _POINTER, _POINTER, _POINTER, _SIZE, _POINTER)
_names = count()


class Kernel:
    """Machine code, for as long as this object lives.

    Attributes:
        call: The function that `kernel.build` describes; releases the interpreter's lock.
    """

    def __init__(self, linked: Any) -> None:
        self._linked = linked
        self.call: Callable[..., None] = _SIGNATURE(linked[FUNCTION])


@lru_cache
def compiled(instructions: Instructions, variant: Variant, processor: str = "") -> Kernel:
    """The kernel for one set of instructions and one variant, compiled once a process.

    Args:
        instructions: What to make it of.
        variant: What it must be able to do.
        processor: A model by LLVM's name; empty: the one this runs on.

    Raises:
        RuntimeError: This LLVM does not know an instruction that the kernel is made of.
    """
    machine = _target_machine(processor)
    module = llvm.parse_assembly(str(build(instructions, variant)))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    library = llvm.JITLibraryBuilder().add_object_img(machine.emit_object(module))
    # Where a processor has no fused multiply-add, LLVM calls the C library's.
    library.add_current_process().export_symbol(FUNCTION)
    return Kernel(library.link(_linker(), f"{FUNCTION}_{next(_names)}"))


def processor_features() -> frozenset[str]:
    """What the processor and the operating system offer, by LLVM's names."""
    return frozenset(name for name, is_there in llvm.get_host_cpu_features().items() if is_there)


@lru_cache
def _target_machine(processor: str) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = "" if processor else llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=processor or llvm.get_host_cpu_name(), features=features, opt=3, reloc="pic"
    )


@lru_cache
def _linker() -> Any:
    return llvm.create_lljit_compiler()
