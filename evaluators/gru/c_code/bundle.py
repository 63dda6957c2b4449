"""Writes the folder of C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cost_models import workload_costs
from cost_models.kernels import HEADERS, SOURCES
from cost_models.packing import MAX_COLUMNS
from evaluators.c_interface import CInterface
from evaluators.errors import EvaluationError
from evaluators.gru.c_code.build_files import HOST_TEST, MAKEFILE
from evaluators.gru.c_code.code_size import CORE, FLAGS, code_bytes
from evaluators.gru.c_code.model_source import model_header, model_source, state_buffers
from evaluators.gru.c_code.readme import readme
from evaluators.gru.c_code.vectors import Vectors, vectors_header, vectors_source
from evaluators.gru.integer_gru import IntegerGru
from evaluators.gru.workload import CLASSIFIER, GruShape, gru_workload
from evaluators.storage import write_atomically


def write_c_code(
    gru: IntegerGru, class_names: Sequence[str], vectors: Vectors, checked_with: Sequence[str], directory: Path
) -> None:
    """Write the model, its kernels, test vectors, a Makefile and a README.

    Args:
        gru: The network.
        class_names: In the order of the logits; any texts.
        vectors: What the test program compares with.
        checked_with: What gave the logits of the test vectors.
        directory: An existing folder.

    Raises:
        EvaluationError: A matrix has more columns than the kernels take.
    """
    columns = max(gru.layers[0].n_hidden, _n_inputs(gru))
    if columns > MAX_COLUMNS:
        raise EvaluationError(
            f"the C kernels take matrices of at most {MAX_COLUMNS} columns, this network has {columns}"
        )
    interface = c_interface(gru, checked_with)
    sizes = {"FLASH_BYTES": interface.flash_bytes, "RAM_BYTES": interface.ram_bytes}
    texts = {
        "model.h": model_header(gru, sizes),
        "model.c": model_source(gru, class_names),
        "test_vectors.h": vectors_header(vectors),
        "test_vectors.c": vectors_source(vectors),
        "host_test.c": HOST_TEST,
        "Makefile": MAKEFILE,
        "README.md": readme(interface),
        **{path.name: path.read_text(encoding="utf-8") for path in (*SOURCES, *HEADERS)},
    }
    for name, content in texts.items():
        write_atomically(directory / name, content.encode())
    interface.write(directory)


def c_interface(gru: IntegerGru, checked_with: Sequence[str]) -> CInterface:
    """What the C of a network offers, and the flash and RAM that it will take."""
    shape = GruShape(_n_inputs(gru), gru.layers[0].n_hidden, len(gru.layers), gru.n_classes, n_steps=1)
    costs = workload_costs(gru_workload(shape, gru.widths))
    code = code_bytes(gru)
    return CInterface(
        n_inputs=_n_inputs(gru),
        n_classes=gru.n_classes,
        states=state_buffers(gru),
        final_operators=(CLASSIFIER,),
        flash_bytes=int(costs["model_bytes"]) + code,
        code_bytes=code,
        ram_bytes=int(costs["peak_ram_bytes"]),
        core=CORE,
        flags=FLAGS,
        checked_with=tuple(checked_with),
    )


def _n_inputs(gru: IntegerGru) -> int:
    return int(gru.layers[0].input_new.linear.weight.shape[1])
