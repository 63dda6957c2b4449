"""Writes a slimmed DEMUCS for deployment: the weights that its schedule keeps, or all of them with a router."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluators.demucs.aims import Routed
from evaluators.demucs.inference import Prepared, Slices, run_schedules
from evaluators.demucs.network import EncoderBlock
from evaluators.demucs.onnx_file import demucs_onnx
from evaluators.demucs.preparation import PreparedDemucs
from evaluators.demucs.router import Router, leaning
from evaluators.demucs.routing import run_routed
from evaluators.demucs.schedules import Schedule, uniform
from evaluators.demucs.shape import DemucsShape
from evaluators.demucs.sound import LEVEL_SECONDS, QUIETEST, sinc_taps
from evaluators.enhancement.export import write_network
from evaluators.onnx_graph import can_write_onnx
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.sound import SAMPLE_RATE_HZ

N_TEST_STEPS = 100
"""Of the test vectors."""


def export_demucs(
    shape: DemucsShape, prepared: PreparedDemucs, chosen: Schedule | Routed, clip: EvaluationClip, directory: Path
) -> None:
    """Write `weights.safetensors`, `network.json` and `test_vectors.safetensors`.

    `weights.safetensors`: float32 in PyTorch's layout; of each block `conv` and `mix` with the channels that it keeps
    and no others; `bottleneck.gruN`; the `taps` of resampling. With a router: all channels, and `router`.
    `network.json`: sizes, the kept channels of every block at every factor that occurs, and how sound is brought to the
    network's level. `test_vectors.safetensors`: noisy sound and what is to be played, without the delay; with a router,
    the place of the factor chosen in every step. Without a router, and where the extra `onnx` is installed, also
    `network.onnx` at the network's rate and level, checked on the same sound.

    Args:
        shape: Sizes of the network.
        prepared: Trained networks.
        chosen: A schedule, or a router with its leaning.
        clip: Where the test vectors come from.
        directory: An existing folder.
    """
    if isinstance(chosen, Routed):
        routed = prepared.routed[chosen.aim]
        slices, schedule = routed.slices, uniform(shape, shape.ufs[-1])
        router = leaning(routed.router, chosen.bias)
        extra = {"router": {**asdict(router.sizes), "trained_towards": asdict(chosen.aim), "ufs": list(shape.ufs)}}
    else:
        slices, schedule, router, extra = prepared.backbone, chosen, None, {}
    description = {
        "network": asdict(shape),
        "sound": {
            "sample_rate_hz": SAMPLE_RATE_HZ,
            "step_samples": shape.step_samples,
            "delay_samples": shape.resampling_delay,
            "level": "mean magnitude of the steps so far, this one included; of each further step, a share of "
            "1 / level_steps moves it on",
            "level_steps": round(LEVEL_SECONDS * shape.steps_per_second),
            "lowest_level": QUIETEST,
        },
        "blocks": _blocks(shape, schedule, router is not None),
        **extra,
    }
    weights = deployed_weights(slices, schedule)
    if router is not None:
        weights |= {f"router.{name}": value.detach() for name, value in router.state_dict().items()}
    is_written = router is None and can_write_onnx()
    onnx = demucs_onnx(slices, schedule, _prepared(shape, clip)[1].x) if is_written else None
    write_network(directory, weights, description, _vectors(slices, schedule, router, clip), onnx)


def deployed_weights(slices: Slices, schedule: Schedule) -> dict[str, Tensor]:
    """All tensors that inference by a schedule reads."""
    shape = slices.shape
    weights: dict[str, Tensor] = {}
    for name, block, level, uf in zip(shape.blocks, slices.blocks, shape.levels, schedule, strict=True):
        n, conv, mix = shape.n_kept(level, uf), block.conv, block.mix
        assert conv.bias is not None
        assert mix.bias is not None
        if isinstance(block, EncoderBlock):
            of_mix, mix_bias, conv_bias = mix.weight[:, :n, 0], mix.bias, conv.bias[:n]
        else:
            of_mix = mix.weight[:, :, 0].reshape(2, -1, mix.in_channels)[:, :n].flatten(0, 1)
            mix_bias, conv_bias = mix.bias.reshape(2, -1)[:, :n].flatten(), conv.bias
        weights |= {f"{name}.conv.weight": conv.weight[:n], f"{name}.conv.bias": conv_bias}
        weights |= {f"{name}.mix.weight": of_mix, f"{name}.mix.bias": mix_bias}
    for k, unit in enumerate(slices.units):
        for name, value in unit.named_parameters():
            weights[f"bottleneck.gru{k + 1}.{name.removesuffix('_l0')}"] = value
    if shape.n_doublings:
        weights["taps"] = sinc_taps()
    return {name: value.detach().clone() for name, value in weights.items()}


def _blocks(shape: DemucsShape, schedule: Schedule, is_routed: bool) -> list[dict[str, Any]]:
    blocks = []
    for name, level, uf in zip(shape.blocks, shape.levels, schedule, strict=True):
        ufs = shape.ufs if is_routed else (uf,)
        kept = {f"{one:g}": shape.n_kept(level, one) for one in ufs}
        blocks.append({"name": name, "channels": shape.channels[level], "kept_channels": kept})
    return blocks


def _prepared(shape: DemucsShape, clip: EvaluationClip) -> tuple[Tensor, Prepared]:
    noisy = torch.tensor(clip.noisy[: N_TEST_STEPS * shape.step_samples])
    return noisy, Prepared.of(shape, noisy[None])


@torch.inference_mode()
def _vectors(slices: Slices, schedule: Schedule, router: Router | None, clip: EvaluationClip) -> dict[str, Any]:
    shape = slices.shape
    noisy, prepared = _prepared(shape, clip)
    vectors: dict[str, Any] = {"noisy": noisy.numpy()}
    if router is None:
        (slimmed,) = run_schedules(slices, [schedule], prepared.x)
        y = slimmed.y
    else:
        places = router(prepared.leveled).argmax(dim=-1)
        vectors["chosen"] = places[0].numpy().astype(np.int32)
        y = run_routed(slices, prepared.x, places)
    return {**vectors, "played": prepared.sounds(shape, y, len(noisy))[0].numpy().copy()}
