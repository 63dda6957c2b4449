"""Writes a pruned Conv-FSENet for deployment: folded weights, gates, thresholds, and vectors to check a port with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluators.enhancement.export import LOG_POWER, N_TEST_FRAMES, framing, write_network
from evaluators.fsenet.folded import FoldedFsenet
from evaluators.fsenet.inference import Fixed
from evaluators.fsenet.network import features
from evaluators.fsenet.onnx_file import fsenet_onnx
from evaluators.fsenet.pruning import Pruning
from evaluators.fsenet.rules import Rule
from evaluators.onnx_graph import can_write_onnx
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.stft import spectrum

_FEATURES = {"log_power": LOG_POWER, "magnitude": "magnitude"}


def export_fsenet(pruned: Fixed, pruning: Pruning, clip: EvaluationClip, directory: Path) -> None:
    """Write `weights.safetensors`, `network.json` and `test_vectors.safetensors`.

    `weights.safetensors`: float32, batch norms folded, in PyTorch's layout; of each block `expand`, `taps` (the
    earliest frame first), `contract` and, where channels are chosen frame by frame, the gate. Channels that are never
    kept are not in it: `<block>.channels` then has the numbers of those that `contract` computes. `network.json`:
    sizes, framing, and for each block its dilation and the score above which a channel is kept.
    `test_vectors.safetensors`: real and imaginary parts of noisy spectra, the gains expected, and which channels each
    block keeps in each frame. Where the extra `onnx` is installed also `network.onnx`, from features to gains, checked
    on the test vectors.

    Args:
        pruned: The network and its rules.
        pruning: What was asked for.
        clip: Where the test vectors come from.
        directory: An existing folder.
    """
    network, rules = pruned.network, pruned.rules
    shape = network.shape
    blocks = [
        {"name": name, "dilation": dilation, "ratio": ratio, "kept_above_score": rule.threshold}
        for name, dilation, ratio, rule in zip(shape.blocks, shape.block_dilations, pruning.ratios, rules, strict=True)
    ]
    description = {
        "network": asdict(shape),
        "framing": framing(_FEATURES[shape.features]),
        "pruning": {"method": pruning.method, "trained_for_kept_share": pruning.target},
        "blocks": blocks,
    }
    onnx = fsenet_onnx(pruned, _test_features(pruned, clip)) if can_write_onnx() else None
    write_network(directory, pruned_weights(network, rules), description, _vectors(pruned, clip), onnx)


def pruned_weights(network: FoldedFsenet, rules: Sequence[Rule]) -> dict[str, Tensor]:
    """All tensors that inference by the rules reads."""
    weights = {"front.weight": network.front.weight, "front.bias": network.front.bias}
    for name, block, rule in zip(network.shape.blocks, network.blocks, rules, strict=True):
        contract = block.contract
        weights[f"{name}.expand.weight"], weights[f"{name}.expand.bias"] = block.expand.weight, block.expand.bias
        weights[f"{name}.taps.weight"], weights[f"{name}.taps.bias"] = block.taps, block.taps_bias
        weights[f"{name}.contract.weight"] = contract.weight[rule.fixed]
        weights[f"{name}.contract.bias"] = contract.bias[rule.fixed]
        if not bool(rule.fixed.all()):
            weights[f"{name}.channels"] = rule.fixed.nonzero()[:, 0].int()
        if rule.threshold is not None:
            gate = {key: value.detach() for key, value in block.gate.state_dict().items()}
            weights |= {f"{name}.gate.{key}": value for key, value in gate.items()}
    weights["back.weight"], weights["back.bias"] = network.back.weight, network.back.bias
    return weights


def _test_features(pruned: Fixed, clip: EvaluationClip) -> Tensor:
    return features(spectrum(torch.tensor(clip.noisy))[:N_TEST_FRAMES], pruned.network.shape.features)


def _vectors(pruned: Fixed, clip: EvaluationClip) -> dict[str, Any]:
    spectra = spectrum(torch.tensor(clip.noisy))[:N_TEST_FRAMES]
    gains, kept = pruned.run(features(spectra, pruned.network.shape.features))
    return {
        "real": spectra.real.numpy().copy(),
        "imaginary": spectra.imag.numpy().copy(),
        "gains": gains.numpy(),
        "kept": np.stack([k.numpy() for k in kept]).astype(np.uint8),
    }
