"""Small networks with random weights, and heads that scatter frames over the exits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from evaluators.nsnet2.confidence import ConfidenceHead, fit_head
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, NsNet2Shape
from evaluators.speech.stft import log_power, spectrum


def tiny(*, is_split: bool = True, exit_units: int | None = 5, exits: tuple[EarlyExit, ...] = EARLY_EXITS) -> NsNet2:
    """A network of a few units."""
    shape = NsNet2Shape(7, 6, 9, exits, is_split, exit_units)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return NsNet2(shape).eval()


def sounds(*n_samples: int) -> list[Tensor]:
    """Noise whose loudness changes, so that frames differ."""
    rng = np.random.default_rng(3)
    return [
        torch.from_numpy((rng.standard_normal(n) * np.sin(np.arange(n) / 900) ** 2).astype(np.float32))
        for n in n_samples
    ]


def padded_features(clips: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Log power spectra of clips, and their lengths in frames."""
    features = [log_power(spectrum(clip)) for clip in clips]
    lengths = torch.tensor([len(f) for f in features])
    return torch.nn.utils.rnn.pad_sequence(features, batch_first=True), lengths


def random_heads(network: NsNet2, x: Tensor) -> dict[EarlyExit, ConfidenceHead]:
    """Heads fitted to random changes; their quantiles are those of the features of x."""
    heads: dict[EarlyExit, ConfidenceHead] = {}
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for exit_ in EARLY_EXITS:
            if exit_ in network.shape.exits:
                features = network.exit_layer(exit_)(x).flatten(0, 1)
                heads[exit_] = fit_head([(features, torch.rand(len(features), generator=generator))])
            x = network.trunk(exit_)(x)
    return heads
