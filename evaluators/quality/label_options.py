"""What a study says about the examples that quality is learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaluators.speech.data_options import AnyPath, Folders, Pattern, SpeechDataOptions, resolved
from evaluators.speech.mixing_options import MixingOptions
from evaluators.speech.sound import SAMPLE_RATE_HZ
from spaces import Options

EXAMPLE_SECONDS = 5.0
EXAMPLE_SAMPLES = round(EXAMPLE_SECONDS * SAMPLE_RATE_HZ)
"""Of what a network hears at a time."""

NExamples = Annotated[int, Field(ge=3, le=100_000)]


class LabelOptions(Options):
    """Noisy speech of five seconds, some of it denoised, with its PESQ; paths as in `SpeechDataOptions`."""

    clean: Folders | None = Field(default=None, description="folders of clean speech; default: synthesized speech")
    noise: Folders | None = Field(default=None, description="folders of noise; default: generated noise")
    speaker_pattern: Pattern | None = Field(
        default=None, description="finds the speaker in a file's path; default: index.csv, else the start of the name"
    )
    noise_pattern: Pattern | None = Field(
        default=None, description="finds the source of a noise in a file's path; default: index.csv, else the file"
    )
    training_examples: NExamples = Field(default=1200, description="examples that are trained on")
    calibration_examples: NExamples = Field(
        default=60, description="further examples of train speakers, that ranges of activations are measured on"
    )
    validation_examples: NExamples = Field(default=160, description="examples that a search measures on")
    test_examples: NExamples = Field(
        default=160, description="examples of speakers and noises never trained on, for the final measurement"
    )
    lowest_snr_db: float = Field(default=-15.0, ge=-40.0, le=60.0, description="signal-to-noise ratio, from")
    highest_snr_db: float = Field(default=25.0, ge=-40.0, le=60.0, description="signal-to-noise ratio, to")
    degraded_share: float = Field(
        default=0.5, ge=0.0, le=1.0, description="share of examples that a noise suppressor has gone over"
    )
    suppressor_weights: AnyPath | None = Field(
        default=None,
        description="plain nsNet2 as .npz, or an exported nsnet2_exits folder, to denoise beside a spectral suppressor",
    )
    split_seed: int = Field(default=0, ge=0, description="chooses speakers and noises of each split, and all mixtures")

    @model_validator(mode="after")
    def _range_ascends(self) -> Self:
        if self.lowest_snr_db > self.highest_snr_db:
            raise ValueError("lowest_snr_db must not be above highest_snr_db")
        return self

    def resolved(self, folder: Path) -> Self:
        """The same options with paths as they are used, relative ones starting from `folder` if they exist there."""
        return self.model_copy(
            update={
                "clean": self.clean and tuple(resolved(path, folder) for path in self.clean),
                "noise": self.noise and tuple(resolved(path, folder) for path in self.noise),
                "suppressor_weights": self.suppressor_weights and resolved(self.suppressor_weights, folder),
            }
        )

    @property
    def speech(self) -> SpeechDataOptions:
        """How the recordings are found, split and mixed."""
        mixing = MixingOptions(
            lowest_snr_db=self.lowest_snr_db, highest_snr_db=self.highest_snr_db, crop_seconds=EXAMPLE_SECONDS
        )
        return SpeechDataOptions(
            clean=self.clean,
            noise=self.noise,
            speaker_pattern=self.speaker_pattern,
            noise_pattern=self.noise_pattern,
            mixing=mixing,
            split_seed=self.split_seed,
        )
