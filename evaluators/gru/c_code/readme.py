"""`README.md` of the folder of C: what is there and how to use it."""

from __future__ import annotations

from evaluators.c_interface import CInterface

_PAGE = """\
# A quantized GRU classifier in C

C99 for little-endian cores: no allocation, no library calls, no floating point but that of `model_quantize`.

```c
#include "model.h"

model_init();                                              /* before each sequence */
for (int step = 0; step < n_steps; ++step) {{
    for (int i = 0; i < MODEL_N_INPUTS; ++i) {{
        model_input.elements[i] = model_quantize(features[step][i]);
    }}
    model_step();
}}
const uint32_t class_index = model_classify();             /* model_logits has a number for each class */
```

    make host-test     compile for this machine and run the test vectors
    make arm           libmodel.a by arm-none-eabi-gcc; CPU=cortex-m33 for another core

| file | what it is |
|---|---|
| `model.c`, `model.h` | the network: constants, buffers, three functions |
| `tp_*.c`, `tp_*.h` | the kernels; those that the network does not need are left out by `-Wl,--gc-sections` |
| `test_vectors.c`, `test_vectors.h`, `host_test.c` | sequences with their logits, and the program that checks them |
| `weights.safetensors`, `constants.json` | the same network for other programs: integers, scales, zero points |
| `test_vectors.safetensors` | the sequences for other programs: `x`, `lengths`, `logits`, final states |
| `c_interface.json`, `manifest.json` | sizes; where all this comes from |

The features are those that the network was trained with: {n_inputs} a step, scaled in the same way.

## Memory

| | bytes |
|---|---|
| flash: weights, constants, tables | {data_bytes:,} |
| flash: code ({core}, {flags}) | {code_bytes:,} |
| RAM: input, states, logits | {ram_bytes:,} |

The stack comes on top.
"""


def readme(interface: CInterface) -> str:
    """The page."""
    return _PAGE.format(
        n_inputs=interface.n_inputs,
        data_bytes=interface.flash_bytes - interface.code_bytes,
        code_bytes=interface.code_bytes,
        ram_bytes=interface.ram_bytes,
        core=interface.core,
        flags=interface.flags,
    )
