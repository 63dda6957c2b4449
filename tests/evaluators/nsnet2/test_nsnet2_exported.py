"""An exported nsNet2, read back: every exit gives the gains that it had before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from nsnet2_cases import padded_features, random_heads, sounds, tiny
from safetensors.torch import load_file, save_file

from evaluators.enhancement.export import NETWORK_FILE, WEIGHTS_FILE
from evaluators.errors import DataError
from evaluators.nsnet2.export import export_nsnet2
from evaluators.nsnet2.exported import mask_of_exit, read_export
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.speech.evaluation_sets import EvaluationClip

ROUTE = Route((("fc1", 0.2), ("gru1", 0.2), ("gru2", 0.2)), "final")


def exported(network: NsNet2, route: Route, folder: Path) -> Path:
    x, _ = padded_features(sounds(20000))
    noisy = sounds(40000)[0].numpy()
    prepared = PreparedNsNet2(network, random_heads(network, x), "")
    export_nsnet2(prepared, route, EvaluationClip("clip", noisy, noisy), folder)
    return folder


@pytest.mark.parametrize("is_split", [True, False])
def test_every_exit_is_as_it_was(tmp_path, is_split):
    network = tiny(is_split=is_split)
    found = read_export(exported(network, ROUTE, tmp_path))
    assert list(found.exits) == ["fc1", "gru1", "gru2", "final"]
    x, _ = padded_features(sounds(9000))
    with torch.no_grad():
        expected = network.all_masks(x)
        for exit_ in found.exits:
            torch.testing.assert_close(mask_of_exit(found.network, exit_, x), expected[exit_])


@pytest.mark.parametrize("is_split", [True, False])
def test_a_route_that_ends_early_needs_no_later_layer(tmp_path, is_split):
    network = tiny(is_split=is_split)
    found = read_export(exported(network, Route((("fc1", 0.2),), "gru1"), tmp_path))
    assert list(found.exits) == ["fc1", "gru1"]
    x, _ = padded_features(sounds(9000))
    with torch.no_grad():
        torch.testing.assert_close(mask_of_exit(found.network, "gru1", x), network.all_masks(x)["gru1"])


def test_lacking_weights_are_told(tmp_path):
    folder = exported(tiny(), ROUTE, tmp_path)
    weights = load_file(folder / WEIGHTS_FILE)
    del weights["fc3.bias"]
    save_file(weights, folder / WEIGHTS_FILE)
    with pytest.raises(DataError, match=r"do not fit the network: fc3\.bias"):
        read_export(folder)


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"exits": [], "network": {"n_bins": "many"}})])
def test_damaged_descriptions_are_told(tmp_path, content):
    folder = exported(tiny(), ROUTE, tmp_path)
    (folder / NETWORK_FILE).write_text(content)
    with pytest.raises(DataError, match=r"Expected: network\.json and weights\.safetensors"):
        read_export(folder)
