"""Networks, sequences and widths by chance, for tests of the integer GRU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluators.data import Sequences
from evaluators.gru.operators import Genome, Widths, gene_names, gene_widths, widths_of_genes
from evaluators.gru.weights import GruLayerWeights, GruWeights


def random_weights(
    rng: np.random.Generator, n_inputs: int, hidden: Sequence[int], n_classes: int = 5, spread: float = 2.0
) -> GruWeights:
    """Uniform weights; a spread of 1 is PyTorch's initialization."""

    def uniform(*shape: int) -> np.ndarray:
        bound = spread / np.sqrt(hidden[0])
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    layers = []
    for n_read, n in zip((n_inputs, *hidden), hidden, strict=False):
        layers.append(GruLayerWeights(uniform(3 * n, n_read), uniform(3 * n, n), uniform(3 * n), uniform(3 * n)))
    return GruWeights(tuple(layers), uniform(n_classes, hidden[-1]), uniform(n_classes))


def random_sequences(rng: np.random.Generator, n: int, n_steps: int, n_inputs: int) -> Sequences:
    """Normal features and lengths from 1 to `n_steps`, zeros after the end."""
    lengths = rng.integers(1, n_steps + 1, n)
    x = rng.normal(size=(n, n_steps, n_inputs)).astype(np.float32)
    x[np.arange(n_steps) >= lengths[:, None]] = 0
    return Sequences(x, lengths, np.zeros(n, np.int64))


def random_widths(rng: np.random.Generator, genome: Genome, n_layers: int, n: int) -> list[Widths]:
    """Any widths that the genome allows."""
    genes = gene_names(genome, n_layers)
    return [
        widths_of_genes(genome, n_layers, {gene: int(rng.choice(gene_widths(genome, gene))) for gene in genes})
        for _ in range(n)
    ]
