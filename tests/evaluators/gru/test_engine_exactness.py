from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights, random_widths

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.engine.avx2 import Avx2
from evaluators.gru.engine.avx512 import Avx512Vnni
from evaluators.gru.engine.compiled import CompiledEngine
from evaluators.gru.engine.instructions import Instructions
from evaluators.gru.engine.parameters import population_of
from evaluators.gru.engine.plain import ReferenceEngine
from evaluators.gru.engine.portable import Portable
from evaluators.gru.engine.prepared import PreparedArrays
from evaluators.gru.operators import Genome, Widths, gene_names, widths_of_genes
from evaluators.machine_code.jit import processor_features


def _if_available(instructions: Instructions) -> object:
    missing = set(instructions.features) - processor_features()
    marks = [pytest.mark.skipif(bool(missing), reason=f"this processor lacks {sorted(missing)}")]
    return pytest.param(instructions, id=f"{instructions.name}-{instructions.lanes}", marks=marks)


every_set = pytest.mark.parametrize("instructions", [_if_available(i) for i in (Avx512Vnni(), Avx2(), Portable())])


def _assert_exact(
    calibrated: CalibratedGru, instructions: Instructions, widths: Sequence[Widths], data: Sequences, threads: int = 1
) -> None:
    engine, reference = CompiledEngine(calibrated, instructions, threads), ReferenceEngine(calibrated)
    np.testing.assert_array_equal(engine.logits(widths, data), reference.logits(widths, data))
    for candidate in widths[:3]:
        pairs = zip(engine.final_states(candidate, data), reference.final_states(candidate, data), strict=True)
        for ours, expected in pairs:
            np.testing.assert_array_equal(ours, expected)


@every_set
@pytest.mark.parametrize("genome", ["paper", "extended"])
@pytest.mark.parametrize(
    ("n_inputs", "hidden", "n_sequences"),
    [
        (8, (16,), 64),
        (1, (1,), 1),
        (7, (13,), 65),
        (3, (5, 6), 130),
        (6, (9, 4, 7), 31),
    ],
)
def test_logits_and_states_equal_the_reference(
    instructions: Instructions, genome: Genome, n_inputs: int, hidden: tuple[int, ...], n_sequences: int
) -> None:
    rng = np.random.default_rng(n_sequences)
    calibrated = calibrate(random_weights(rng, n_inputs, hidden), random_sequences(rng, 40, 6, n_inputs))
    data = random_sequences(rng, n_sequences, 6, n_inputs)
    _assert_exact(calibrated, instructions, random_widths(rng, genome, len(hidden), 8), data)


@every_set
def test_all_sequences_of_one_length(instructions: Instructions) -> None:
    rng = np.random.default_rng(1)
    data = replace(random_sequences(rng, 100, 9, 4), lengths=np.full(100, 9))
    calibrated = calibrate(random_weights(rng, 4, (10,)), data)
    _assert_exact(calibrated, instructions, random_widths(rng, "paper", 1, 8), data)


@every_set
def test_values_far_outside_the_calibrated_range(instructions: Instructions) -> None:
    rng = np.random.default_rng(2)
    calibrated = calibrate(random_weights(rng, 5, (11,)), random_sequences(rng, 20, 5, 5))
    quiet = random_sequences(rng, 70, 5, 5)
    loud = replace(quiet, x=quiet.x * 1e4)
    _assert_exact(calibrated, instructions, random_widths(rng, "extended", 1, 8), loud)


@every_set
def test_sixteen_bits_wherever_they_are_allowed(instructions: Instructions) -> None:
    rng = np.random.default_rng(3)
    calibrated = calibrate(random_weights(rng, 5, (6, 6)), random_sequences(rng, 20, 5, 5))
    wide = ("output", "mul_reset", "mul_new", "mul_state", "add_state")
    genes = {gene: 16 if gene.endswith(wide) else 8 for gene in gene_names("extended", 2)}
    _assert_exact(calibrated, instructions, [widths_of_genes("extended", 2, genes)], random_sequences(rng, 50, 5, 5))


@every_set
def test_accumulators_too_large_for_floats_go_to_the_reference(instructions: Instructions) -> None:
    rng = np.random.default_rng(4)
    weights = random_weights(rng, 5, (6,))
    # 1e4 over a product of scales of about (0.8 / 127) * (4 / 255) is beyond 2**24.
    weights.layers[0].bias_ih[0] = 1e4
    weights.classifier_bias[1] = -1e9
    calibrated = calibrate(weights, random_sequences(rng, 20, 5, 5))
    widths = random_widths(rng, "paper", 1, 4)
    assert not population_of(calibrated, PreparedArrays(calibrated, instructions), widths).is_exact.any()
    _assert_exact(calibrated, instructions, widths, random_sequences(rng, 40, 5, 5))


@every_set
def test_threads_share_the_candidates(instructions: Instructions) -> None:
    rng = np.random.default_rng(5)
    calibrated = calibrate(random_weights(rng, 5, (6,)), random_sequences(rng, 20, 5, 5))
    data = random_sequences(rng, 40, 5, 5)
    _assert_exact(calibrated, instructions, random_widths(rng, "extended", 1, 11), data, threads=3)
    _assert_exact(calibrated, instructions, random_widths(rng, "extended", 1, 2), data, threads=8)


def test_a_processor_without_fused_multiply_add_is_slow_and_right() -> None:
    if "avx2" not in processor_features():
        pytest.skip("the processor is named as x86's oldest")
    rng = np.random.default_rng(6)
    calibrated = calibrate(random_weights(rng, 3, (5,)), random_sequences(rng, 20, 4, 3))
    engine = CompiledEngine(calibrated, Portable(8), processor="x86-64")
    widths, data = random_widths(rng, "extended", 1, 4), random_sequences(rng, 20, 4, 3)
    np.testing.assert_array_equal(engine.logits(widths, data), ReferenceEngine(calibrated).logits(widths, data))


@pytest.mark.slow
@every_set
@pytest.mark.parametrize("seed", range(int(os.environ.get("ENGINE_SEEDS", "20"))))
def test_many_networks_of_any_shape(instructions: Instructions, seed: int) -> None:
    rng = np.random.default_rng([seed, 99])
    hidden = tuple(int(n) for n in rng.integers(1, 40, rng.integers(1, 4)))
    n_inputs, n_steps = int(rng.integers(1, 30)), int(rng.integers(1, 12))
    weights = random_weights(rng, n_inputs, hidden, int(rng.integers(1, 12)), spread=float(rng.uniform(0.1, 8)))
    calibrated = calibrate(weights, random_sequences(rng, 50, n_steps, n_inputs))
    data = random_sequences(rng, int(rng.integers(1, 300)), n_steps, n_inputs)
    for genome in ("paper", "extended"):
        _assert_exact(calibrated, instructions, random_widths(rng, genome, len(hidden), 20), data)


@pytest.mark.slow
@every_set
def test_full_size(instructions: Instructions) -> None:
    rng = np.random.default_rng(7)
    calibrated = calibrate(random_weights(rng, 28, (64,), 10), random_sequences(rng, 100, 28, 28))
    data = random_sequences(rng, 500, 28, 28)
    _assert_exact(calibrated, instructions, random_widths(rng, "paper", 1, 4), data)
