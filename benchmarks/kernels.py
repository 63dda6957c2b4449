"""Cycles of the C kernels on an emulated core: dense layers by width and shape, and steps of GRU cells.

    python -m benchmarks.kernels [--core cortex_m4] [--portable] [--json]

Zero wait states. A dense layer's cycles are all that it takes: the matrix-vector product, the bias, the requantization
and the call. Claims, on Cortex-M4: below 2.3 cycles per MAC at 256 x 256 with 8 bits; 4 and 2 bits within 1.2 times
that, 3, 5, 6 and 7 bits within twice that; below 60 cycles per output besides the products. Needs the extra `mcu`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cost_models.emulator import CORES, Call, compiler_version
from cost_models.emulator.toolchain import OPTIMIZATION
from cost_models.kernels import kernel_symbol
from cost_models.kernels.meter import GruShape, KernelMeter
from cost_models.packing import packed_matrix_bytes

BITS = range(1, 9)
SIZES = (16, 32, 48, 64, 96, 128, 256)
GRU_SIZES = ((8, 16), (40, 24), (8, 48), (48, 48), (64, 64), (64, 128))
GRU_BITS = (8, 4, 3, 2)


def measure(core: str, flags: Sequence[str]) -> dict[str, Any]:
    """All figures of one core."""
    with tempfile.TemporaryDirectory() as folder:
        meter = KernelMeter(CORES[core], Path(folder), flags)
        dense = [dense_figures(meter, size, bits) for bits in BITS for size in SIZES]
        steps = [gru_figures(meter, *sizes, bits) for sizes in GRU_SIZES for bits in GRU_BITS]
        code = {symbol.name: symbol.n_bytes for symbol in meter.image.symbols.values()}
    return {
        "core": core,
        "compiler": compiler_version(),
        "flags": list(flags),
        "dense": dense,
        "gru_step": steps,
        "code_bytes": code,
    }


def dense_figures(meter: KernelMeter, size: int, bits: int) -> dict[str, float]:
    """A square layer with weights of some width."""
    call = meter.dense(size, size, bits)
    return {
        "bits": bits,
        "size": size,
        "cycles": call.cycles,
        "cycles_per_mac": call.cycles / size**2,
        "cycles_per_output": (call.cycles - cycles_in(call, kernel_symbol(bits))) / size,
        "weight_bytes": packed_matrix_bytes(size, size, bits),
    }


def gru_figures(meter: KernelMeter, n_inputs: int, n_units: int, bits: int) -> dict[str, float]:
    """One step of a cell, all weights of one width."""
    shape = GruShape(n_inputs, n_units, [bits] * 6)
    call = meter.gru_step(shape)
    return {
        "inputs": n_inputs,
        "units": n_units,
        "bits": bits,
        "cycles": call.cycles,
        "cycles_per_mac": call.cycles / shape.macs,
        "cycles_per_unit_besides": (call.cycles - cycles_in(call, kernel_symbol(bits))) / n_units,
        "stack_bytes": call.stack_bytes,
    }


def cycles_in(call: Call, function: str) -> int:
    """Cycles of one function alone."""
    return next(cost.cycles for cost in call.profile.functions if cost.name == function)


def print_tables(figures: dict[str, Any]) -> None:
    """For people."""
    print(f"{figures['core']}, {figures['compiler']}, {' '.join(figures['flags'])}")
    print("\ndense layer, cycles per MAC (all included); times the 8 bits at the largest size; cycles per output")
    print("bits " + "".join(f"{f'{size}x{size}':>9}" for size in SIZES) + f"{'ratio':>9}{'output':>9}")
    reference = figures["dense"][-1]["cycles_per_mac"]
    for bits in BITS:
        row = [entry for entry in figures["dense"] if entry["bits"] == bits]
        cells = [*(entry["cycles_per_mac"] for entry in row), row[-1]["cycles_per_mac"] / reference]
        print(f"{bits:4d} " + "".join(f"{cell:9.2f}" for cell in cells) + f"{row[-1]['cycles_per_output']:9.1f}")
    print("\nGRU step")
    print(f"{'inputs':>6} {'units':>6} {'bits':>5} {'cycles':>8} {'per MAC':>8} {'besides, per unit':>18} {'stack':>6}")
    for step in figures["gru_step"]:
        shape = f"{step['inputs']:6d} {step['units']:6d} {step['bits']:5d}"
        cycles = f"{step['cycles']:8d} {step['cycles_per_mac']:8.2f} {step['cycles_per_unit_besides']:18.1f}"
        print(f"{shape} {cycles} {step['stack_bytes']:6d}")
    print("\nbytes of code: " + ", ".join(f"{name} {size}" for name, size in sorted(figures["code_bytes"].items())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", choices=CORES, default="cortex_m4")
    parser.add_argument("--portable", action="store_true", help="without the DSP instructions")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.core, [*OPTIMIZATION, *(["-DTP_PORTABLE"] if options.portable else [])])
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        print_tables(figures)


if __name__ == "__main__":
    main()
