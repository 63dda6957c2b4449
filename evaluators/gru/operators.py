"""The operators of a GRU cell, the two genomes over them, and the bit width of every tensor and weight.

The names and widths are those of docs/integer_gru.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Genome = Literal["paper", "extended"]

MATRIX_PRODUCTS = (
    "input_reset",
    "input_update",
    "input_new",
    "hidden_reset",
    "hidden_update",
    "hidden_new",
)
SUMS = ("add_reset", "add_update", "add_new", "add_state")
LOOKUPS = ("sigmoid_reset", "sigmoid_update", "tanh_new")
PRODUCTS = ("mul_reset", "mul_new", "mul_state")
OPERATORS = (
    *MATRIX_PRODUCTS,
    "add_reset",
    "add_update",
    "sigmoid_reset",
    "sigmoid_update",
    "mul_reset",
    "add_new",
    "tanh_new",
    "complement_update",
    "mul_new",
    "mul_state",
    "add_state",
)
"""The 17 operators of one cell, in an order in which they can run."""

MIN_BITS = 2
NARROW_BITS = 8
WIDE_BITS = 16
_WIDE_TENSORS = frozenset((*(f"{product}.output" for product in MATRIX_PRODUCTS), *PRODUCTS, "add_state"))

_MATRIX_SLOTS = tuple(f"{product}.{part}" for product in MATRIX_PRODUCTS for part in ("weight", "output"))
_LAYER_SLOTS = (*_MATRIX_SLOTS, *OPERATORS[len(MATRIX_PRODUCTS) :], "state")

SlotKind = Literal["weight", "narrow_tensor", "wide_tensor"]


@dataclass(frozen=True)
class Widths:
    """The bit width of every tensor and every weight matrix: the one form that everything else reads.

    Attributes:
        bits: Width of each slot, in the order of `slot_names`.

    >>> widths_of_genes("paper", 1, dict.fromkeys(gene_names("paper", 1), 4))["gru0.input_reset.weight"]
    4
    """

    bits: tuple[int, ...]

    def __getitem__(self, slot: str) -> int:
        return self.bits[slot_index(self.n_layers)[slot]]

    @property
    def n_layers(self) -> int:
        """GRU layers."""
        return (len(self.bits) - 2) // len(_LAYER_SLOTS)


def layer_prefix(layer: int) -> str:
    """What the names of layer `layer` (from 0) begin with."""
    return f"gru{layer}."


@lru_cache
def slot_names(n_layers: int) -> tuple[str, ...]:
    """All that has a width: 24 names a layer, then `input` and `classifier` (the latter's weights)."""
    per_layer = (layer_prefix(layer) + slot for layer in range(n_layers) for slot in _LAYER_SLOTS)
    return (*per_layer, "input", "classifier")


@lru_cache
def slot_index(n_layers: int) -> Mapping[str, int]:
    """Position of each slot in `Widths.bits`."""
    return {name: index for index, name in enumerate(slot_names(n_layers))}


def slot_kind(slot: str) -> SlotKind:
    """Whether a slot is a weight matrix, a tensor of at most 8 bits or one of at most 16."""
    if slot == "classifier" or slot.endswith(".weight"):
        return "weight"
    return "wide_tensor" if slot.partition(".")[2] in _WIDE_TENSORS else "narrow_tensor"


def slot_widths(slot: str) -> tuple[int, ...]:
    """The widths that the arithmetic allows for a slot."""
    return tuple(range(MIN_BITS, (WIDE_BITS if slot_kind(slot) == "wide_tensor" else NARROW_BITS) + 1))


@lru_cache
def gene_names(genome: Genome, n_layers: int) -> tuple[str, ...]:
    """What a search chooses: 17 genes a layer (`paper`), or 24 a layer, `input` and `classifier` (`extended`)."""
    if genome == "extended":
        return slot_names(n_layers)
    return tuple(layer_prefix(layer) + operator for layer in range(n_layers) for operator in OPERATORS)


def gene_widths(genome: Genome, gene: str) -> tuple[int, ...]:
    """The widths that a gene may take: 2 to 8, or 2 to 16 for the wide tensors of the extended genome."""
    return slot_widths(gene) if genome == "extended" else tuple(range(MIN_BITS, NARROW_BITS + 1))


def widths_of_genes(genome: Genome, n_layers: int, genes: Mapping[str, int]) -> Widths:
    """The width of every slot that a complete set of genes means.

    In the paper's genome the gene of a matrix product sets its weights and its output, the state is read at
    the width at which it is carried, and the input and the classifier's weights have 8 bits.

    Raises:
        ValueError: A gene is missing, unknown or outside its widths.
    """
    names = gene_names(genome, n_layers)
    if len(genes) != len(names) or any(name not in genes for name in names):
        missing, unknown = sorted(set(names) - set(genes)), sorted(set(genes) - set(names))
        raise ValueError(f"genes of the {genome} genome: missing {missing}, unknown {unknown}")
    for name, allowed in _allowed_widths(genome, n_layers):
        if genes[name] not in allowed:
            low, *_, high = gene_widths(genome, name)
            raise ValueError(f"{name}: {genes[name]} bits; allowed: {low} to {high}")
    return Widths(tuple(genes.get(source, NARROW_BITS) for source in _gene_of_slot(genome, n_layers)))


@lru_cache
def _allowed_widths(genome: Genome, n_layers: int) -> tuple[tuple[str, frozenset[int]], ...]:
    return tuple((name, frozenset(gene_widths(genome, name))) for name in gene_names(genome, n_layers))


@lru_cache
def _gene_of_slot(genome: Genome, n_layers: int) -> tuple[str, ...]:
    """The gene that sets each slot, in the order of the slots."""
    if genome == "extended":
        return slot_names(n_layers)
    return tuple(_paper_gene(slot) for slot in slot_names(n_layers))


def _paper_gene(slot: str) -> str:
    layer, _, name = slot.partition(".")
    if not name:
        return slot  # `input` and `classifier` are no genes of the paper: they fall back to 8 bits
    operator = "add_state" if name == "state" else name.partition(".")[0]
    return f"{layer}.{operator}"
