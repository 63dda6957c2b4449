"""What is to be labelled: five seconds of speech in noise, some of it denoised; the same for the same number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluators.quality.suppressors import Suppressor
from evaluators.speech.mixtures import TrainingExamples
from evaluators.speech.sound import Samples

SIGNAL_VERSION = 1
"""To be raised whenever the same recordings give other signals; examples kept before are then ignored."""
FULL_SCALE = 32768


@dataclass(frozen=True)
class Signal:
    """One example without its label.

    Attributes:
        name: Number, signal-to-noise ratio of the mixture, and what has denoised it.
        heard: What is judged, on the grid of 16-bit samples, so that a file of it has the same label.
        clean: The speech alone, of the same shape.
    """

    name: str
    heard: Samples
    clean: Samples


@dataclass(frozen=True)
class Signals:
    """An endless supply.

    Attributes:
        examples: Mixtures.
        suppressors: By name; each is as likely as any other.
        degraded_share: Share of the mixtures that one of them goes over.
        seed: Chooses which.
    """

    examples: TrainingExamples
    suppressors: Mapping[str, Suppressor]
    degraded_share: float
    seed: int

    def signal(self, index: int) -> Signal:
        """The signal of that number."""
        noisy, clean = self.examples.example(index)
        name = f"{index}: {snr_db(noisy, clean):.1f} dB"
        # Its own stream of random numbers, so that a mixture is the same whatever happens to it afterwards.
        rng = np.random.default_rng([self.seed, index, 1])
        if rng.random() < self.degraded_share:
            chosen = list(self.suppressors)[int(rng.integers(len(self.suppressors)))]
            noisy = self.suppressors[chosen](noisy, rng)
            name += f", {chosen}"
        return Signal(name, on_grid(noisy), clean)


def snr_db(noisy: Samples, clean: Samples) -> float:
    """Energy of the clean speech above that of the rest; within -99 and 99."""
    speech, rest = (float(np.square(part, dtype=np.float64).sum()) for part in (clean, noisy - clean))
    return float(np.clip(10 * np.log10(max(speech, 1e-20) / max(rest, 1e-20)), -99.0, 99.0))


def on_grid(samples: Samples) -> Samples:
    """The nearest sound of 16-bit samples."""
    steps = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    found: Samples = (steps / FULL_SCALE).astype(np.float32)
    return found
