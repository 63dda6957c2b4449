from __future__ import annotations

import pytest

from evaluators.gru.operators import (
    MATRIX_PRODUCTS,
    OPERATORS,
    Genome,
    Widths,
    gene_names,
    gene_widths,
    slot_names,
    slot_widths,
    widths_of_genes,
)


def test_a_cell_has_seventeen_operators_of_five_kinds() -> None:
    assert len(set(OPERATORS)) == 17
    kinds = [name.partition("_")[0] for name in OPERATORS]
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts == {"input": 3, "hidden": 3, "add": 4, "sigmoid": 2, "mul": 3, "tanh": 1, "complement": 1}


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_genomes_have_the_stated_lengths(n_layers: int) -> None:
    assert len(gene_names("paper", n_layers)) == 17 * n_layers
    assert len(gene_names("extended", n_layers)) == 24 * n_layers + 2


def test_the_papers_genes_are_the_operators() -> None:
    assert gene_names("paper", 2) == tuple(f"gru{layer}.{name}" for layer in (0, 1) for name in OPERATORS)


def test_only_tensors_between_two_elementwise_operators_may_be_wide() -> None:
    wide = {name for name in slot_names(1) if slot_widths(name) == tuple(range(2, 17))}
    outputs = {f"gru0.{name}.output" for name in MATRIX_PRODUCTS}
    assert wide == outputs | {"gru0.mul_reset", "gru0.mul_new", "gru0.mul_state", "gru0.add_state"}
    narrow = set(slot_names(1)) - wide
    assert all(slot_widths(name) == tuple(range(2, 9)) for name in narrow)


def test_paper_genes_never_exceed_eight_bits() -> None:
    assert all(gene_widths("paper", gene) == tuple(range(2, 9)) for gene in gene_names("paper", 1))


def test_a_paper_gene_sets_weights_and_output_and_the_state_in_both_forms() -> None:
    genes = {gene: 2 + index % 7 for index, gene in enumerate(gene_names("paper", 2))}
    widths = widths_of_genes("paper", 2, genes)
    assert widths["gru1.hidden_new.weight"] == widths["gru1.hidden_new.output"] == genes["gru1.hidden_new"]
    assert widths["gru0.state"] == widths["gru0.add_state"] == genes["gru0.add_state"]
    assert widths["gru0.tanh_new"] == genes["gru0.tanh_new"]
    assert widths["input"] == widths["classifier"] == 8


def test_extended_genes_are_the_widths_themselves() -> None:
    genes = {gene: 2 + index % 7 for index, gene in enumerate(gene_names("extended", 2))}
    widths = widths_of_genes("extended", 2, genes)
    assert {slot: widths[slot] for slot in slot_names(2)} == genes
    assert widths.n_layers == 2


def test_widths_are_values() -> None:
    genes = dict.fromkeys(gene_names("paper", 1), 4)
    first, second = widths_of_genes("paper", 1, genes), widths_of_genes("paper", 1, dict(reversed(genes.items())))
    assert first == second
    assert len({first, second, Widths((4,) * 26)}) == 2  # the last has 4 bits where the paper keeps 8


@pytest.mark.parametrize(
    ("genome", "gene", "bits", "allowed"),
    [
        ("paper", "gru0.mul_new", 9, "2 to 8"),
        ("paper", "gru0.mul_new", 1, "2 to 8"),
        ("extended", "gru0.mul_new", 17, "2 to 16"),
        ("extended", "gru0.input_new.weight", 9, "2 to 8"),
    ],
)
def test_widths_outside_the_range_are_refused(genome: Genome, gene: str, bits: int, allowed: str) -> None:
    genes = dict.fromkeys(gene_names(genome, 1), 4) | {gene: bits}
    with pytest.raises(ValueError, match=f"{gene}: {bits} bits; allowed: {allowed}"):
        widths_of_genes(genome, 1, genes)


def test_missing_and_unknown_genes_are_named() -> None:
    genes = dict.fromkeys(gene_names("paper", 1), 4)
    genes["gru1.add_state"] = genes.pop("gru0.add_state")
    with pytest.raises(ValueError, match=r"missing \['gru0.add_state'\], unknown \['gru1.add_state'\]"):
        widths_of_genes("paper", 1, genes)
