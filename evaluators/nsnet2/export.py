"""Writes a route through nsNet2 for deployment: the layers it runs, thresholds, and vectors to check a port with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluators.enhancement.export import LOG_POWER, N_TEST_FRAMES, framing, write_network
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, EXITS
from evaluators.nsnet2.streaming import StreamingNsNet2
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.stft import spectrum


def export_nsnet2(prepared: PreparedNsNet2, route: Route, clip: EvaluationClip, directory: Path) -> None:
    """Write `weights.safetensors`, `network.json` and `test_vectors.safetensors`.

    `weights.safetensors`: float32, in PyTorch's layout and names, of the layers that the route runs, and the weights of
    its confidence heads. `network.json`: sizes, framing, exits in order, and for each the score (features times weights
    plus bias) from which on a frame leaves. `test_vectors.safetensors`: real and imaginary
    parts of noisy spectra, the gains expected frame by frame, and the number of the exit that each frame takes.

    Args:
        prepared: The network.
        route: Exits and thresholds.
        clip: Where the test vectors come from.
        directory: An existing folder.
    """
    weights = _weights(prepared, route)
    exits: list[dict[str, Any]] = []
    for exit_ in route.exits:
        threshold = route.threshold(exit_)
        if exit_ == "final" or threshold is None:
            exits.append({"exit": exit_})
            continue
        head = prepared.heads[exit_]
        weights[f"confidence.{exit_}.weight"] = torch.from_numpy(head.weight)
        exits.append({"exit": exit_, "bias": head.bias, "leaves_from_score": head.score_threshold(threshold)})
    description = {
        "network": {**asdict(prepared.network.shape), "exits": list(prepared.network.shape.exits)},
        "framing": framing(LOG_POWER),
        "exits": exits,
    }
    write_network(directory, weights, description, _vectors(prepared, route, clip))


def _weights(prepared: PreparedNsNet2, route: Route) -> dict[str, Tensor]:
    """The tensors of the layers that the route runs."""
    last = EXITS.index(route.last)
    is_split = prepared.network.shape.is_split
    needed = [f"copies.{exit_}." for exit_ in route.exits] + [f"masks.{exit_}." for exit_ in route.exits]
    needed += [f"{stage}." for stage in EARLY_EXITS[: last if is_split else last + 1]]
    needed += ["fc2.", "fc3.", "fc4."] if route.last == "final" else []
    return {name: value for name, value in prepared.network.state_dict().items() if name.startswith(tuple(needed))}


def _vectors(prepared: PreparedNsNet2, route: Route, clip: EvaluationClip) -> dict[str, Any]:
    spectra = spectrum(torch.tensor(clip.noisy))[:N_TEST_FRAMES].numpy()
    stream = StreamingNsNet2(prepared.network, prepared.heads, route)
    gains = np.stack([stream.mask(frame) for frame in spectra])
    exits = np.array([EXITS.index(exit_) for exit_ in stream.exits_taken], dtype=np.int8)
    return {"real": spectra.real.copy(), "imaginary": spectra.imag.copy(), "gains": gains, "exits": exits}
