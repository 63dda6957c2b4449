"""Sizes of the quality predictor, and what its layers are called; free of torch, which is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from evaluators.speech.sound import SAMPLE_RATE_HZ

Preset = Literal["paper", "small"]
KERNEL = 3
POOL = 2
FFT_SAMPLES = 640
INPUT_BITS = 8
"""Of a feature; see `frontend`."""


@dataclass(frozen=True)
class Convolution:
    """A 3x3 convolution and the size of its map: frames, bands, channels."""

    name: str
    in_channels: int
    out_channels: int
    height: int
    width: int

    @property
    def map_elements(self) -> int:
        """Values of the activation map, before it is pooled."""
        return self.height * self.width * self.out_channels


@dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class QualityShape:
    """Sizes of the network.

    Attributes:
        channels: Outputs of the convolutions; all maps but the last are pooled 2x2, the last one globally.
        hidden: Units of each of the two hidden dense layers.
        n_bands: Mel bands.
        hop_samples: Between two frames.
        window_samples: Of speech that one inference hears.
    """

    channels: tuple[int, ...] = (32, 32, 32, 64)
    hidden: int = 64
    n_bands: int = 120
    hop_samples: int = 320
    window_samples: int = 5 * SAMPLE_RATE_HZ

    @property
    def n_frames(self) -> int:
        """Of a window, each of `FFT_SAMPLES` samples that are all there."""
        return (self.window_samples - FFT_SAMPLES) // self.hop_samples + 1

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """In order."""
        layers, height, width, inputs = [], self.n_frames, self.n_bands, 1
        for k, outputs in enumerate(self.channels):
            layers.append(Convolution(f"conv{k}", inputs, outputs, height, width))
            height, width, inputs = height // POOL, width // POOL, outputs
        return tuple(layers)

    @property
    def dense(self) -> tuple[Dense, ...]:
        """In order; the last one gives the score."""
        sizes = (self.channels[-1], self.hidden, self.hidden, 1)
        return tuple(Dense(f"dense{k}", *pair) for k, pair in enumerate(pairwise(sizes)))

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the activation maps: those of the convolutions that make them."""
        return tuple(layer.name for layer in self.convolutions)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have weights."""
        return (*self.maps, *(layer.name for layer in self.dense))


PRESETS: Mapping[Preset, QualityShape] = {
    "paper": QualityShape(),
    "small": QualityShape(channels=(8, 16, 16, 32), hidden=32, n_bands=32, hop_samples=640),
}
"""As published (arXiv 2407.04578), and small enough to train in minutes."""
