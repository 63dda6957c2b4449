from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gru_cases import random_sequences, random_weights, random_widths
from numpy.typing import NDArray

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.engine import EngineUnavailableError, select_engine, selection
from evaluators.gru.engine.compiled import CompiledEngine
from evaluators.gru.operators import Widths


@pytest.fixture(scope="module")
def calibrated() -> CalibratedGru:
    rng = np.random.default_rng(0)
    return calibrate(random_weights(rng, 3, (6,)), random_sequences(rng, 20, 5, 3))


@pytest.fixture(scope="module")
def data() -> Sequences:
    return random_sequences(np.random.default_rng(1), 70, 5, 3)


@pytest.fixture(scope="module")
def widths() -> list[Widths]:
    return random_widths(np.random.default_rng(2), "paper", 1, 4)


def test_auto_takes_the_fastest_that_the_processor_has(
    calibrated: CalibratedGru, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = selection.processor_features()
    if not here >= {"avx512vnni", "avx512vbmi", "avx2"}:
        pytest.skip("needs a processor that has all of them")
    assert select_engine(calibrated).name == "avx512-vnni (llvmlite)"
    monkeypatch.setattr(selection, "processor_features", lambda: here - {"avx512vbmi"})
    assert select_engine(calibrated).name == "avx2 (llvmlite)"


def test_any_processor_has_the_portable_engine(calibrated: CalibratedGru, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "processor_features", frozenset)
    assert select_engine(calibrated).name == "portable (llvmlite)"
    with pytest.raises(EngineUnavailableError, match="'avx2' does not work on this machine; 'auto' finds"):
        select_engine(calibrated, "avx2")


def test_without_a_working_compiler_there_is_the_reference(
    calibrated: CalibratedGru, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_instruction(*_: Any) -> None:
        raise RuntimeError("unknown intrinsic")

    monkeypatch.setattr(selection, "CompiledEngine", no_such_instruction)
    assert select_engine(calibrated).name == "reference (numpy)"
    with pytest.raises(EngineUnavailableError):
        select_engine(calibrated, "portable")


def test_an_engine_that_is_wrong_is_not_taken(calibrated: CalibratedGru, monkeypatch: pytest.MonkeyPatch) -> None:
    class OffByOne(CompiledEngine):
        def logits(self, widths: Sequence[Widths], sequences: Sequences) -> NDArray[np.int32]:
            return super().logits(widths, sequences) + 1

    monkeypatch.setattr(selection, "CompiledEngine", OffByOne)
    assert select_engine(calibrated).name == "reference (numpy)"


@pytest.mark.parametrize("name", ["auto", "portable", "reference"])
def test_engines_agree(
    name: selection.EngineName, calibrated: CalibratedGru, data: Sequences, widths: list[Widths]
) -> None:
    logits = select_engine(calibrated, name, threads=2).logits(widths, data)
    assert logits.shape == (4, 70, 5)
    assert logits.dtype == np.int32
    np.testing.assert_array_equal(logits, select_engine(calibrated, "reference").logits(widths, data))


@pytest.mark.parametrize("name", ["auto", "reference"])
def test_nobody_and_nothing_are_fine(
    name: selection.EngineName, calibrated: CalibratedGru, data: Sequences, widths: list[Widths]
) -> None:
    engine = select_engine(calibrated, name)
    assert engine.logits([], data).shape == (0, 70, 5)
    assert engine.logits(widths, data.head(0)).shape == (4, 0, 5)
    assert engine.final_states(widths[0], data.head(0))[0].shape == (0, 6)


def test_the_first_few_sequences_give_the_first_few_logits(
    calibrated: CalibratedGru, data: Sequences, widths: list[Widths]
) -> None:
    engine = select_engine(calibrated)
    full = engine.logits(widths, data)
    for n in (1, 64, 69, 1):
        np.testing.assert_array_equal(engine.logits(widths, data.head(n)), full[:, :n])


def test_other_data_of_the_same_shape_are_other_data(calibrated: CalibratedGru, widths: list[Widths]) -> None:
    engine, reference = select_engine(calibrated), select_engine(calibrated, "reference")
    for seed in range(30):  # more than are kept, each freed before the next
        data = random_sequences(np.random.default_rng(seed), 20, 5, 3)
        np.testing.assert_array_equal(engine.logits(widths, data), reference.logits(widths, data))
    shorter = replace(data, lengths=np.maximum(data.lengths - 1, 1))
    np.testing.assert_array_equal(engine.logits(widths, shorter), reference.logits(widths, shorter))


@pytest.mark.parametrize("name", ["auto", "reference"])
def test_what_does_not_suit_the_network_is_refused(
    name: selection.EngineName, calibrated: CalibratedGru, data: Sequences, widths: list[Widths]
) -> None:
    engine = select_engine(calibrated, name)
    with pytest.raises(ValueError, match="widths for 2 layers, network of 1"):
        engine.logits(random_widths(np.random.default_rng(0), "paper", 2, 1), data)
    with pytest.raises(ValueError, match="sequences of 2 features, network of 3 inputs"):
        engine.logits(widths, replace(data, x=data.x[:, :, :2]))
    with pytest.raises(ValueError, match="a sequence of 5 steps in an array of 4"):
        engine.logits(widths, replace(data, x=data.x[:, :4]))


def test_a_fresh_process_needs_no_large_libraries() -> None:
    code = (
        "import sys, numpy as np; from evaluators.gru.engine import select_engine;"
        "assert not {'torch', 'numba', 'scipy'} & set(sys.modules), 'slow to import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
