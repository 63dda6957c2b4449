"""Sizes of an nsNet2 with exits, and what its layers are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from evaluators.speech.frames import N_BINS

EarlyExit = Literal["fc1", "gru1", "gru2"]
Exit = Literal["fc1", "gru1", "gru2", "final"]
Preset = Literal["paper", "small"]
EARLY_EXITS: tuple[EarlyExit, ...] = ("fc1", "gru1", "gru2")
EXITS: tuple[Exit, ...] = (*EARLY_EXITS, "final")
"""An exit has the name of the stage that it ends; the last stage is made of the last three layers."""


@dataclass(frozen=True)
class NsNet2Shape:
    """Sizes of the network.

    Attributes:
        fc1_units: Units of the first layer.
        gru_units: Units of each of the two recurrent layers.
        fc2_units: Units of each of the two layers before the last.
        exits: Early exits that it has, in order.
        is_split: Whether a layer that feeds an exit is doubled: one copy for the mask of the exit, one for the next
            stage. Else both read the same features.
        exit_units: Units of the copies for the exits; None: as many as the layer that is doubled.
        n_bins: Bins of a spectrum.
    """

    fc1_units: int
    gru_units: int
    fc2_units: int
    exits: tuple[EarlyExit, ...] = ()
    is_split: bool = True
    exit_units: int | None = None
    n_bins: int = N_BINS

    def n_inputs(self, stage: Exit) -> int:
        """Elements that a stage reads from the one before."""
        return {"fc1": self.n_bins, "gru1": self.fc1_units, "gru2": self.gru_units, "final": self.gru_units}[stage]

    def n_outputs(self, stage: EarlyExit) -> int:
        """Elements that a stage hands to the next."""
        return self.fc1_units if stage == "fc1" else self.gru_units

    def n_features(self, exit_: EarlyExit) -> int:
        """Elements that the mask of an exit and its confidence head read."""
        return self.exit_units if self.is_split and self.exit_units is not None else self.n_outputs(exit_)

    def scaled(self, gru_units: int) -> NsNet2Shape:
        """The plain nsNet2 of so many GRU units, its other layers in proportion."""
        share = gru_units / self.gru_units
        fc1_units, fc2_units = (max(1, round(share * units)) for units in (self.fc1_units, self.fc2_units))
        return replace(self.without_exits(), fc1_units=fc1_units, gru_units=gru_units, fc2_units=fc2_units)

    def without_exits(self) -> NsNet2Shape:
        """The plain nsNet2 of this size."""
        return replace(self, exits=())


PRESETS: Mapping[Preset, NsNet2Shape] = {
    # Braun and Tashev, "Data augmentation and loss normalization for deep noise suppression", 2020.
    "paper": NsNet2Shape(fc1_units=400, gru_units=400, fc2_units=600),
    "small": NsNet2Shape(fc1_units=96, gru_units=96, fc2_units=144),
}
"""Sizes without exits: as published, and small enough to train in minutes."""
