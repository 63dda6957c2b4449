"""Exported C of random GRU classifiers on an emulated Cortex-M4: outputs, cycles, flash and RAM.

    python -m benchmarks.gru_export [--models 64] [--json]

Every model is exported as `python -m search export` does it and compiled from its own files: 8 to 128 inputs and hidden
units, 1 or 2 layers, random bit widths of both genomes. Weights are random, too: neither cycles nor bytes depend on
them. Claims: all outputs to the bit as the search's evaluator gives them; cycles below 5 % off on average and 10 % at
most; flash and RAM within 2 % of the linked image. None of these models was used for fitting. The exit status is 1 if a
claim does not hold. Needs the extra `mcu`; some minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.export import export_integer_gru
from evaluators.gru.operators import Genome, Widths, gene_names, gene_widths, widths_of_genes
from evaluators.gru.weights import GruLayerWeights, GruWeights
from evaluators.gru.workload import GruShape, gru_workload
from search.export.host import HostTest
from search.export.verification import Verification, verify

SEED = 40_000
"""Calibration draws from seed 0."""
N_SEQUENCES, N_STEPS = 4, 10
MIN_SIZE, MAX_SIZE, MAX_CLASSES = 8, 128, 36
MEAN_CYCLES, WORST_CYCLES, WORST_BYTES = 0.05, 0.10, 0.02


def models(n_models: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Export and verify random models."""
    rng = np.random.default_rng(SEED)
    for index in range(n_models):
        genome: Genome = "paper" if index % 2 else "extended"
        n_layers = 1 + index % 4 // 2
        n_features, n_hidden = (int(n) for n in rng.integers(MIN_SIZE, MAX_SIZE + 1, 2))
        shape = GruShape(n_features, n_hidden, n_layers, int(rng.integers(2, MAX_CLASSES)), N_STEPS)
        found = verification(shape, random_widths(rng, genome, n_layers), rng, folder)
        errors = {figure.name.partition(",")[0]: figure.error for figure in found.figures}
        measured = {figure.name.partition(",")[0]: figure.measured for figure in found.figures}
        yield {
            "model": f"{genome} {n_features}/{n_hidden} x {n_layers}",
            "n_vectors": found.n_vectors,
            "n_exact": found.n_exact,
            "measured": measured,
            "errors": errors,
            "stack_bytes": found.stack_bytes,
        }


def verification(shape: GruShape, widths: Widths, rng: np.random.Generator, folder: Path) -> Verification:
    """Export one model with random weights, and check it."""
    # Always the same folder: so the compiler finds the kernels compiled.
    out = folder / "model"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    sequences = random_sequences(rng, shape)
    names = [f"class {index}" for index in range(shape.n_classes)]
    export_integer_gru(random_network(rng, shape, sequences), widths, sequences, names, out)
    return verify(out, gru_workload(shape, widths), folder / "cache", HostTest(None, "not run"))


def random_widths(rng: np.random.Generator, genome: Genome, n_layers: int) -> Widths:
    """Any widths that the genome allows."""
    genes = {gene: int(rng.choice(gene_widths(genome, gene))) for gene in gene_names(genome, n_layers)}
    return widths_of_genes(genome, n_layers, genes)


def random_sequences(rng: np.random.Generator, shape: GruShape) -> Sequences:
    """Normal features, all sequences of one length."""
    x = rng.normal(size=(N_SEQUENCES, N_STEPS, shape.n_features)).astype(np.float32)
    return Sequences(x, np.full(N_SEQUENCES, N_STEPS), np.zeros(N_SEQUENCES, np.int64))


def random_network(rng: np.random.Generator, shape: GruShape, sequences: Sequences) -> CalibratedGru:
    """Weights about as large as training makes them."""

    def numbers(*size: int) -> np.ndarray:
        bound = 2 / np.sqrt(shape.n_hidden)
        return rng.uniform(-bound, bound, size).astype(np.float32)

    n = shape.n_hidden
    layers = [
        GruLayerWeights(numbers(3 * n, shape.n_inputs(layer)), numbers(3 * n, n), numbers(3 * n), numbers(3 * n))
        for layer in range(shape.n_layers)
    ]
    weights = GruWeights(tuple(layers), numbers(shape.n_classes, n), numbers(shape.n_classes))
    return calibrate(weights, sequences)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Exact outputs, and mean and worst relative error of each quantity."""
    names = list(rows[0]["errors"])
    sizes = {name: np.abs([row["errors"][name] for row in rows]) for name in names}
    return {
        "models": len(rows),
        "vectors": sum(row["n_vectors"] for row in rows),
        "exact": sum(row["n_exact"] for row in rows),
        "errors": {name: {"mean": float(size.mean()), "worst": float(size.max())} for name, size in sizes.items()},
        "stack_bytes": max(row["stack_bytes"] for row in rows),
    }


def failures(found: dict[str, Any]) -> list[str]:
    """The claims that do not hold."""
    told = [] if found["exact"] == found["vectors"] else ["outputs differ"]
    for name, error in found["errors"].items():
        is_cycles = name.startswith("cycles")
        if error["worst"] > (WORST_CYCLES if is_cycles else WORST_BYTES) or (is_cycles and error["mean"] > MEAN_CYCLES):
            told.append(f"{name}: {error['mean']:.2%} on average, {error['worst']:.2%} at most")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(models(options.models, Path(folder)))
    found = summary(rows)
    if options.json:
        print(json.dumps({**found, "rows": rows}, indent=1))
    else:
        print(f"{found['models']} models, {found['exact']} of {found['vectors']} test vectors to the bit")
        print(f"at most {found['stack_bytes']} bytes of stack")
        for name, error in found["errors"].items():
            print(f"{name:24s} mean error {error['mean']:7.3%}   worst {error['worst']:7.3%}")
    told = failures(found)
    if told:
        sys.exit("does not hold: " + "; ".join(told))


if __name__ == "__main__":
    main()
