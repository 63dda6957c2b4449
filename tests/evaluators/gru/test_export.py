"""What is exported of a GRU: the integers of the reference, and the logits that every evaluator must give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from c_models import CASES, CLASS_NAMES, network, quantized
from safetensors.numpy import load_file

from evaluators.c_interface import CInterface
from evaluators.data import Sequences
from evaluators.errors import EvaluationError
from evaluators.gru import export
from evaluators.gru.engine import select_engine
from evaluators.gru.operators import slot_names
from evaluators.gru.reference import infer, quantize_input

CASE = CASES[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export")
    calibrated, widths, sequences = network(CASE)
    export.export_integer_gru(calibrated, widths, sequences, CLASS_NAMES, path)
    return path


def test_weights_are_those_of_the_reference(folder: Path) -> None:
    arrays = load_file(folder / export.WEIGHTS_FILE)
    gru = quantized(CASE)
    for index, layer in enumerate(gru.layers):
        np.testing.assert_array_equal(arrays[f"gru{index}.hidden_new.weight"], layer.hidden_new.linear.weight)
        np.testing.assert_array_equal(arrays[f"gru{index}.hidden_new.bias"], layer.hidden_new.linear.bias)
        np.testing.assert_array_equal(arrays[f"gru{index}.tanh_new.table"], layer.tanh_new.table)
    np.testing.assert_array_equal(arrays["classifier.weight"], gru.classifier.weight)


def test_constants_hold_everything_else(folder: Path) -> None:
    constants = json.loads((folder / export.CONSTANTS_FILE).read_text())
    gru = quantized(CASE)
    assert constants["class_names"] == list(CLASS_NAMES)
    assert constants["operators"]["gru1.add_state"]["shift"] == gru.layers[1].add_state.shift
    assert constants["operators"]["gru0.initial_state"] == {"value": gru.layers[0].initial_state}
    assert set(constants["formats"]) == set(slot_names(2))
    assert constants["formats"]["input"]["scale"] == gru.input.scale


def test_vectors_hold_what_the_reference_gives(folder: Path) -> None:
    vectors = load_file(folder / export.VECTORS_FILE)
    gru, sequences = quantized(CASE), network(CASE)[2]
    result = infer(gru, quantize_input(sequences.x, gru.input), sequences.lengths)
    np.testing.assert_array_equal(vectors["logits"], result.logits)
    for index, state in enumerate(result.states):
        np.testing.assert_array_equal(vectors[f"state{index}"], state)


def test_the_evaluators_that_agree_are_named(folder: Path) -> None:
    assert CInterface.read(folder).checked_with == ["reference", select_engine(network(CASE)[0]).name]


def test_an_engine_that_disagrees_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Liar:
        name = "liar"

        def logits(self, widths: list[object], sequences: Sequences) -> np.ndarray:
            return np.zeros((len(widths), len(sequences), len(CLASS_NAMES)), np.int32)

    monkeypatch.setattr(export, "select_engine", lambda calibrated: Liar())
    calibrated, widths, sequences = network(CASE)
    with pytest.raises(EvaluationError, match="the engine liar and the reference give different logits"):
        export.export_integer_gru(calibrated, widths, sequences, CLASS_NAMES, tmp_path)
    assert list(tmp_path.iterdir()) == []
