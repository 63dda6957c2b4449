"""`model.c` and `model.h`: a quantized GRU with its constants in flash and its buffers in RAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cost_models.kernels import padded
from evaluators.c_interface import StateBuffer
from evaluators.gru.c_code.literals import Initializer, struct, struct_definition, text
from evaluators.gru.c_code.operators import carries_wide, cell_arrays, cell_fields, matrix_arrays, matrix_fields
from evaluators.gru.formats import Format
from evaluators.gru.integer_gru import IntegerGru, IntegerGruLayer
from evaluators.gru.operators import NARROW_BITS

_HEADER = """\
/* A quantized GRU classifier. README.md says how to use it, and what it takes.
 *
 *     model_init();                                  before each sequence
 *     model_input.elements[i] = model_quantize(v);   all features of a step
 *     model_step();                                  once a step
 *     model_classify();                              after the last step
 *
 * There is one model with one state; functions must not be called while another one of them runs.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

{constants}

/* Features of the next step, q = clamp(floor(v / scale + 1/2) + zero point). The words are for the kernels. */
typedef union {{
    int8_t elements[{n_padded}];
    uint32_t words[{n_words}];
}} model_vector;

extern model_vector model_input;

/* What model_classify() leaves: one number a class, the largest wins. */
extern int32_t model_logits[MODEL_N_CLASSES];

/* Names of the classes, UTF-8; takes flash only where it is used. */
extern const char *const model_class_names[MODEL_N_CLASSES];

/* Set all states to zero. */
void model_init(void);

/* Process one time step, whose features are in model_input. */
void model_step(void);

/* Index of the class that the sequence belongs to; the lowest one on a tie. */
uint32_t model_classify(void);

/* A feature as model_input takes it; in floating point, unlike everything else. */
static inline int8_t model_quantize(double value) {{
    const double q = value / MODEL_INPUT_SCALE + 0.5;
    if (!(q >= MODEL_INPUT_LOWEST - MODEL_INPUT_ZERO_POINT)) {{
        return MODEL_INPUT_LOWEST;
    }}
    if (q >= MODEL_INPUT_HIGHEST - MODEL_INPUT_ZERO_POINT) {{
        return MODEL_INPUT_HIGHEST;
    }}
    const int32_t towards_zero = (int32_t)q;
    return (int8_t)(towards_zero - (q < towards_zero) + MODEL_INPUT_ZERO_POINT);
}}

#endif
"""

_SOURCE = """\
#include "model.h"

#include "tp_kernels.h"

{constants}
model_vector model_input;
int32_t model_logits[MODEL_N_CLASSES];
{buffers}
{states}
{class_names}
void model_init(void) {{
{init}}}

void model_step(void) {{
{step}}}

uint32_t model_classify(void) {{
    tp_classify(&classifier, {last_state}, model_logits);
    return tp_argmax(model_logits, MODEL_N_CLASSES);
}}
"""


def model_header(gru: IntegerGru, sizes: Mapping[str, int]) -> str:
    """`model.h`.

    Args:
        gru: The network.
        sizes: Further constants, without the `MODEL_` that their names begin with.
    """
    n_inputs = gru.layers[0].input_new.linear.weight.shape[1]
    constants: dict[str, int | str] = {
        "N_INPUTS": n_inputs,
        "N_CLASSES": gru.n_classes,
        "N_LAYERS": len(gru.layers),
        **_input_constants(gru.input),
        **sizes,
    }
    lines = [f"#define MODEL_{name} {value}" for name, value in constants.items()]
    return _HEADER.format(constants="\n".join(lines), n_padded=padded(n_inputs), n_words=padded(n_inputs) // 4)


def model_source(gru: IntegerGru, class_names: Sequence[str]) -> str:
    """`model.c`."""
    layers = {cell_name(index): layer for index, layer in enumerate(gru.layers)}
    cells = [
        f"{cell_arrays(cell, layer)}\n{struct_definition('tp_gru_cell', cell, cell_fields(cell, layer))}"
        for cell, layer in layers.items()
    ]
    classifier: dict[str, Initializer] = {
        "matrix": matrix_fields("classifier", gru.classifier),
        "n_inputs": str(gru.classifier.weight.shape[1]),
        "n_classes": str(gru.n_classes),
    }
    cells += [matrix_arrays("classifier", gru.classifier), struct_definition("tp_classifier", "classifier", classifier)]
    read = ["model_input.words", *(read_name(cell, layer) for cell, layer in layers.items())]
    return _SOURCE.format(
        constants="\n".join(cells),
        buffers="".join(_buffers(layers)),
        states="".join(_state(cell, layer) for cell, layer in layers.items()),
        class_names=_class_names(class_names),
        init="".join(f"    tp_gru_reset(&{cell}, &{cell}_buffers);\n" for cell in layers),
        step="".join(
            f"    tp_gru_step(&{cell}, {x}, &{cell}_buffers);\n" for cell, x in zip(layers, read, strict=False)
        ),
        last_state=read[-1],
    )


def cell_name(layer: int) -> str:
    """What the cell of a layer is called in C."""
    return f"gru{layer}"


def state_name(cell: str) -> str:
    """What holds a cell's state from step to step."""
    return f"{cell}_state"


def read_name(cell: str, layer: IntegerGruLayer) -> str:
    """What holds the state as matrix products and the next layer read it."""
    return state_name(cell) if layer.read_state is None else f"{cell}_state_as_read"


def state_buffers(gru: IntegerGru) -> list[StateBuffer]:
    """Where the states are."""
    return [
        StateBuffer(state_name(cell_name(index)), layer.n_hidden, 16 if carries_wide(layer) else NARROW_BITS)
        for index, layer in enumerate(gru.layers)
    ]


def _input_constants(features: Format) -> dict[str, int | str]:
    return {
        # The shortest decimal that is read as the same double.
        "INPUT_SCALE": repr(float(features.scale)),
        "INPUT_ZERO_POINT": f"({features.zero_point})",
        "INPUT_LOWEST": f"({features.low})",
        "INPUT_HIGHEST": features.high,
    }


def _buffers(layers: Mapping[str, IntegerGruLayer]) -> list[str]:
    found = []
    for cell, layer in layers.items():
        n_words = padded(layer.n_hidden) // 4
        found.append(f"static uint32_t {state_name(cell)}[{n_words * (1 + carries_wide(layer))}];\n")
        if layer.read_state is not None:
            found.append(f"static uint32_t {read_name(cell, layer)}[{n_words}];\n")
    in_place = [padded(layer.n_hidden) // 4 for layer in layers.values() if layer.read_state is None]
    # Cells that read their state as they carry it share the room for the next one.
    return [*found, f"static uint32_t next_state[{max(in_place)}];\n"] if in_place else found


def _state(cell: str, layer: IntegerGruLayer) -> str:
    carried = "next_state" if layer.read_state is None else state_name(cell)
    return (
        f"static const tp_gru_state {cell}_buffers = {struct({'read': read_name(cell, layer), 'carried': carried})};\n"
    )


def _class_names(names: Sequence[str]) -> str:
    lines = "".join(f"    {text(name)},\n" for name in names)
    return f"const char *const model_class_names[MODEL_N_CLASSES] = {{\n{lines}}};\n"
