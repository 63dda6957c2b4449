"""Enhancement as a device does it: one hop in, one hop out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from evaluators.speech.frames import HOP_SAMPLES
from evaluators.speech.sound import Samples
from evaluators.speech.stft import Spectrum, StreamingStft


class HopStream(Protocol):
    """Enhances one stream hop by hop, and gives out each hop one later."""

    def process(self, hop: Samples) -> Samples:
        """Take in the next hop and give out the one before it, both of shape (HOP_SAMPLES,)."""


class MaskStream(ABC):
    """A stream whose spectrum is multiplied by gains, frame by frame."""

    def __init__(self) -> None:
        self._stft = StreamingStft()

    @abstractmethod
    def mask(self, spectrum: Spectrum) -> Samples:
        """Gains for the next frame, shape (n_bins,); states move on."""

    def process(self, hop: Samples) -> Samples:
        """Take in the next hop and give out the one before it, both of shape (HOP_SAMPLES,)."""
        spectrum = self._stft.analyze(hop)
        return self._stft.synthesize(spectrum * self.mask(spectrum))


def enhance_stream(stream: HopStream, samples: Samples) -> Samples:
    """A whole sound through a fresh stream, of the same length: its delay is taken away."""
    n_hops = -(-len(samples) // HOP_SAMPLES)
    heard = np.zeros((n_hops + 1) * HOP_SAMPLES, dtype=np.float32)
    heard[: len(samples)] = samples
    hops = [stream.process(hop) for hop in heard.reshape(-1, HOP_SAMPLES)]
    whole: Samples = np.concatenate(hops)[HOP_SAMPLES:][: len(samples)]
    return whole
