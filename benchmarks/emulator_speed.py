"""Emulated instructions per second, with every basic block counted, and the time that a short call takes.

    python -m benchmarks.emulator_speed [--repeats 5] [--json]

The load is a classifier of 64 x 128 weights of 4 bits on an emulated Cortex-M4. Claim: at least 200 million
instructions a second. Needs the extra `mcu`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cost_models.emulator import CORES, Image, Machine, compile_image
from cost_models.kernels import KERNEL_DIRECTORY, SOURCES

PROGRAM = """
#include "tp_kernels.h"
static const uint32_t weights[64 * 128 / 8];
static const int32_t bias[64];
static const tp_classifier classifier = {{tp_rows_w4, weights, bias}, 128, 64};
static uint32_t x[TP_WORDS(128)];
static int32_t logits[64];
void classify(uint32_t n_times);
void classify(uint32_t n_times) {
    while (n_times-- > 0) tp_classify(&classifier, x, logits);
}
"""
Result = TypeVar("Result")

LONG_CALL = 10_000
"""Some hundred million instructions."""


def measure(repeats: int) -> dict[str, float]:
    """Medians over several calls, the code translated before."""
    with tempfile.TemporaryDirectory() as folder:
        machine, build_s = timed(lambda: build(Path(folder)))
        machine.call("classify", 1)
        long = [timed(lambda: machine.call("classify", LONG_CALL)) for _ in range(repeats)]
        short = [timed(lambda: machine.call("classify", 1)) for _ in range(repeats)]
    return {
        "instructions_per_s": statistics.median(call.instructions / seconds for call, seconds in long),
        "short_call_ms": 1000 * statistics.median(seconds for _, seconds in short),
        "build_s": build_s,
    }


def build(folder: Path) -> Machine:
    """Compile the program and the hook, and load them."""
    source = folder / "speed.c"
    source.write_text(PROGRAM)
    core, include = CORES["cortex_m4"], [KERNEL_DIRECTORY]
    path = compile_image([source, *SOURCES], core, folder, keep=["classify"], include_directories=include)
    return Machine(Image.load(path), core, folder)


def timed(action: Callable[[], Result]) -> tuple[Result, float]:
    """What an action returns, and its seconds."""
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.repeats)
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    print(f"{figures['instructions_per_s'] / 1e6:.0f} million instructions/s")
    print(f"{figures['short_call_ms']:.2f} ms for a call of some ten thousand instructions")
    print(f"{figures['build_s']:.2f} s to compile, link and load (compiler's own cache may be warm)")


if __name__ == "__main__":
    main()
