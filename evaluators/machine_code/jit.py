"""From LLVM IR to functions that can be called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from evaluators.machine_code.vectors import POINTER

_serial_numbers = count()


class MachineCode:
    """A function that was compiled for a processor.

    Calls take addresses as integers, and release the interpreter's lock.

    Args:
        function: Takes 64-bit integers and addresses, returns nothing.
        processor: A model, by LLVM's name; empty: the one this runs on.

    Raises:
        RuntimeError: This LLVM does not know an instruction that the function is made of.
    """

    def __init__(self, function: ir.Function, processor: str = "") -> None:
        machine = _target_machine(processor)
        module = llvm.parse_assembly(str(function.module))
        passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
        passes.getModulePassManager().run(module, passes)
        library = llvm.JITLibraryBuilder().add_object_img(machine.emit_object(module))
        # Where a processor has no fused multiply-add, LLVM calls the C library's.
        library.add_current_process().export_symbol(function.name)
        self._linked = library.link(_linker(), f"{function.name}_{next(_serial_numbers)}")
        self._call: Callable[..., None] = _signature(function.args)(self._linked[function.name])

    def __call__(self, *arguments: int) -> None:
        """Run the function."""
        self._call(*arguments)


def processor_features() -> frozenset[str]:
    """What the processor and the operating system offer, by LLVM's names."""
    return frozenset(name for name, is_there in llvm.get_host_cpu_features().items() if is_there)


def _signature(arguments: Sequence[ir.Argument]) -> Any:
    return ctypes.CFUNCTYPE(None, *(ctypes.c_void_p if a.type == POINTER else ctypes.c_int64 for a in arguments))


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
