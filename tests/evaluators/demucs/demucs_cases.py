"""Small networks with random weights, and sounds to run them on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv_transpose1d, glu, linear, pad

from evaluators.demucs.blocks import DecoderWeights, EncoderWeights
from evaluators.demucs.inference import Prepared
from evaluators.demucs.network import SlimmableDemucs
from evaluators.demucs.router import Router
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.shape import DemucsShape
from evaluators.speech.evaluation_sets import EvaluationClip

TINY = DemucsShape(hidden=4, depth=3, groups=2, upsampling=1, has_input_skip=True)
UPSAMPLED = DemucsShape(hidden=3, depth=4, kernel=12, groups=4, upsampling=4)
SHAPES = (TINY, UPSAMPLED)
ROUTER = RouterShape(units=5, kernel=8, stride=4)
MIXED = {TINY: (0.5, 0.125, 1.0, 0.25, 1.0, 0.5), UPSAMPLED: (0.25, 1.0, 0.5, 0.125, 0.5, 1.0, 0.25, 1.0)}
"""Schedules with every factor."""


def tiny(shape: DemucsShape = TINY) -> SlimmableDemucs:
    """A network of a few channels, in evaluation, loud enough that nothing rounds to 0."""
    torch.manual_seed(5)
    network = SlimmableDemucs(shape)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    return network.eval().requires_grad_(False)


def tiny_router(shape: DemucsShape = TINY) -> Router:
    """A router that changes its mind."""
    torch.manual_seed(6)
    router = Router(shape, ROUTER)
    with torch.no_grad():
        router.conv.weight.mul_(4)
        router.logits.weight.mul_(20)
        # Not far from where logits are for noise, so that what is heard decides.
        heard = Prepared.of(shape, sounds(1, 6_000, seed=4)).leveled
        router.logits.bias.sub_(router(heard).mean(dim=(0, 1)))
    return router.eval().requires_grad_(False)


def sounds(n_sounds: int, n_samples: int, seed: int = 0) -> Tensor:
    """Noise of changing loudness."""
    generator = torch.Generator().manual_seed(seed)
    loudness = 0.05 + 0.1 * torch.sin(torch.arange(n_samples) / 1500).square()
    return torch.randn(n_sounds, n_samples, generator=generator) * loudness


def clip(n_samples: int, seed: int = 0) -> EvaluationClip:
    """Noise around a tone."""
    clean = (0.1 * np.sin(np.arange(n_samples) / 6.4)).astype(np.float32)
    return EvaluationClip(f"clip{seed}", clean + 0.3 * sounds(1, n_samples, seed)[0].numpy(), clean)


def plain_encoder(weights: EncoderWeights, x: Tensor, gate: Tensor | None = None) -> Tensor:
    """The block as layers; x of shape (n_sequences, stride * n_frames, n_inputs)."""
    n_inner, n_inputs = len(weights.conv_bias), x.shape[2]
    stride = len(weights.conv) // n_inputs
    kernel = weights.conv.view(stride, n_inputs, weights.n_chunks, n_inner).permute(3, 1, 2, 0).flatten(2)
    heard = pad(x.mT, (kernel.shape[2] - stride, 0))
    inner = conv1d(heard, kernel, weights.conv_bias, stride).relu().mT
    return glu(linear(inner if gate is None else inner * gate, weights.mix.T, weights.mix_bias))


def plain_decoder(weights: DecoderWeights, x: Tensor, gate: Tensor | None = None, *, is_last: bool) -> Tensor:
    """The same of a block of the decoder; x with the skip added."""
    n_outputs = len(weights.conv_bias)
    stride = weights.conv.shape[2] // n_outputs
    kernel = weights.conv.unflatten(2, (-1, n_outputs)).permute(1, 3, 0, 2).flatten(2)
    inner = glu(linear(x, weights.mix.T, weights.mix_bias))
    inner = inner if gate is None else inner * gate
    y = conv_transpose1d(inner.mT, kernel, weights.conv_bias, stride).mT[:, : stride * x.shape[1]]
    return y if is_last else y.relu()
