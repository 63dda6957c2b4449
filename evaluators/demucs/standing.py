"""Which routers to stop training half-way: those that others clearly beat.

A router is trained alone first, then together with the network, which takes as long again. Between the two, all of a
study are compared on calibration clips. One is stopped if another uses the network no more than it does and makes a
smaller error by more than MARGIN. It can still be chosen, as it is then: nothing is lost but its second half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evaluators.demucs.evaluation import Portion, mean_utilization, sounds
from evaluators.demucs.losses import spectral_loss, waveform_loss
from evaluators.demucs.router import decisions
from evaluators.demucs.routing import RoutedSlices, run_routed
from evaluators.training.spectral_loss import level_gains

MARGIN = 0.05
"""Share of the smaller error."""


@dataclass(frozen=True)
class Standing:
    """What a router does on calibration clips.

    Attributes:
        utilization: Mean factor over time.
        error: Mean distance of waveforms plus that of spectra, speech at 0 dB.
    """

    utilization: float
    error: float


def clearly_dominated(standings: Sequence[Standing]) -> list[bool]:
    """Which ones another beats by more than MARGIN at no more utilization.

    >>> clearly_dominated([Standing(0.5, 1.0), Standing(0.3, 0.9), Standing(0.2, 0.94)])
    [True, False, False]
    """
    return [
        any(b.utilization <= a.utilization and b.error * (1 + MARGIN) < a.error for b in standings) for a in standings
    ]


@torch.inference_mode()
def standing(network: RoutedSlices, among: Sequence[Portion]) -> Standing:
    """Of a network with a router that leans nowhere."""
    errors = []
    for part in among:
        chosen = decisions(network.router(part.prepared.leveled), 0.0)
        y = run_routed(network.slices, part.prepared.x, chosen)
        for sound in sounds(network.slices.shape, part, y):
            gain = float(level_gains(np.asarray(sound.clean)[None])[0])
            output, clean = (
                gain * torch.from_numpy(np.array(samples))[None] for samples in (sound.output, sound.clean)
            )
            errors.append(float(waveform_loss(output, clean) + spectral_loss(output, clean)))
    return Standing(mean_utilization(network, among), float(np.mean(errors)))
