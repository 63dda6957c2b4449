"""Small networks with random weights and norms, and sounds to run them on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from evaluators.fsenet.gates import Gate
from evaluators.fsenet.network import ConvFsenet
from evaluators.fsenet.shape import FsenetShape
from evaluators.speech.evaluation_sets import EvaluationClip

TINY = FsenetShape(bottleneck=8, hidden=6, gate_units=3)
NONCAUSAL = replace(TINY, is_causal=False)


def tiny(shape: FsenetShape = TINY) -> ConvFsenet:
    """A network of a few channels, in evaluation, whose norms and gates do something."""
    generator = torch.Generator().manual_seed(5)
    network = ConvFsenet(shape)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        network.front.weight.mul_(0.1)
        for gate in network.gates:
            if isinstance(gate, Gate) and shape.gating == "dynamic":
                # Hidden units that are off in many frames would give these few channels equal scores.
                gate.squeeze.weight.mul_(0.1)
                gate.squeeze.bias.abs_().add_(1.0)
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return network.eval()


def spectra_like(n_sequences: int, n_frames: int, seed: int = 3) -> Tensor:
    """Log powers that change from frame to frame."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_sequences, n_frames, TINY.n_bins, generator=generator) - 2


def clip(n_samples: int, seed: int = 0) -> EvaluationClip:
    """Noise of changing loudness around a tone."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_samples) / 16_000
    clean = (0.1 * np.sin(2 * np.pi * 400 * time) * np.sin(9 * time) ** 2).astype(np.float32)
    noisy = clean + (0.03 * rng.standard_normal(n_samples)).astype(np.float32)
    return EvaluationClip(f"clip{seed}", noisy.astype(np.float32), clean)
