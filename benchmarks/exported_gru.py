"""GRU classifiers by chance, exported as C and run on an emulated core: what they take, and what was predicted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cost_models import load_target, workload_costs
from evaluators.c_interface import CInterface
from evaluators.data import Sequences
from evaluators.gru.c_code import Vectors, write_c_code
from evaluators.gru.calibration import calibrate
from evaluators.gru.operators import Genome, gene_names, gene_widths, widths_of_genes
from evaluators.gru.quantization import quantize
from evaluators.gru.weights import GruLayerWeights, GruWeights
from evaluators.gru.workload import GruShape, gru_workload
from search.export.emulation import EmulatedModel

N_CLASSES, N_SEQUENCES, N_STEPS = 10, 24, 16
N_RUN = 3
"""Steps that are emulated: all take the same time but for the numbers' branches."""
_SPREAD = 2.0
"""Trained weights are about that many times as large as initial ones."""


@dataclass(frozen=True)
class ExportedGru:
    """A model, and measured and predicted figures by name: cycles of an inference, bytes of flash, bytes of RAM."""

    name: str
    measured: dict[str, float]
    predicted: dict[str, float]


def random_export(index: int, rng: np.random.Generator, cache: Path) -> ExportedGru:
    """Make, export, compile and emulate one: 8 to 128 inputs and units, one or two layers, any widths of a genome.

    Args:
        index: Decides genome and layers.
        rng: Everything else.
        cache: Where compiled code is kept.
    """
    genome: Genome = "paper" if index % 2 else "extended"
    n_layers = 1 + index % 4 // 2
    n_inputs, n_hidden = (int(n) for n in rng.integers(8, 129, 2))
    genes = {gene: int(rng.choice(gene_widths(genome, gene))) for gene in gene_names(genome, n_layers)}
    widths = widths_of_genes(genome, n_layers, genes)
    sequences = _random_sequences(rng, n_inputs)
    gru = quantize(calibrate(_random_weights(rng, n_inputs, n_hidden, n_layers), sequences), widths)
    with tempfile.TemporaryDirectory() as folder:
        write_c_code(gru, [str(i) for i in range(N_CLASSES)], Vectors.of(gru, sequences.head(1)), ("-",), Path(folder))
        interface = CInterface.read(Path(folder))
        model = EmulatedModel(Path(folder), interface, cache)
        run = model.run(Vectors.of(gru, sequences).x[0, :N_RUN])
    workload = gru_workload(GruShape(n_inputs, n_hidden, n_layers, N_CLASSES, N_STEPS), widths)
    cycles = workload_costs(workload, load_target(interface.core, Path()))["cycles"]
    return ExportedGru(
        f"{genome} {n_inputs}/{n_hidden} x {n_layers}",
        {
            "cycles": run.once_cycles + N_STEPS * float(np.mean(run.step_cycles)),
            "flash": model.image.flash_bytes,
            "RAM": model.image.ram_bytes,
        },
        {"cycles": cycles, "flash": interface.flash_bytes, "RAM": interface.ram_bytes},
    )


def _random_sequences(rng: np.random.Generator, n_inputs: int) -> Sequences:
    x = rng.normal(size=(N_SEQUENCES, N_STEPS, n_inputs)).astype(np.float32)
    return Sequences(x, np.full(N_SEQUENCES, N_STEPS), np.zeros(N_SEQUENCES, np.int64))


def _random_weights(rng: np.random.Generator, n_inputs: int, n_hidden: int, n_layers: int) -> GruWeights:
    bound = _SPREAD / np.sqrt(n_hidden)

    def uniform(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    rows = 3 * n_hidden
    layers = tuple(
        GruLayerWeights(uniform(rows, n_read), uniform(rows, n_hidden), uniform(rows), uniform(rows))
        for n_read in (n_inputs, *[n_hidden] * (n_layers - 1))
    )
    return GruWeights(layers, uniform(N_CLASSES, n_hidden), uniform(N_CLASSES))
