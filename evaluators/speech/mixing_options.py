"""What a study says of how speech and noise are mixed; free of SciPy, which is slow to import."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from evaluators.speech.sound import SAMPLE_RATE_HZ
from spaces import Options


class MixingOptions(Options):
    """How speech and noise are mixed; every value is drawn evenly from its range."""

    lowest_snr_db: float = Field(default=-5.0, ge=-40.0, le=60.0, description="signal-to-noise ratio, from")
    highest_snr_db: float = Field(default=20.0, ge=-40.0, le=60.0, description="signal-to-noise ratio, to")
    lowest_level_dbfs: float = Field(default=-36.0, ge=-60.0, le=-10.0, description="active level of the speech, from")
    highest_level_dbfs: float = Field(default=-16.0, ge=-60.0, le=-10.0, description="active level of the speech, to")
    crop_seconds: float = Field(default=3.0, ge=0.5, le=60.0, description="length of a training example")
    equalizer_db: float = Field(
        default=0.0, ge=0.0, le=30.0, description="largest gain of random filters on speech and noise, in training"
    )
    speed_change: float = Field(
        default=0.0,
        ge=0.0,
        le=0.5,
        # What is trained without it stays what it is, in caches as well.
        exclude_if=lambda change: change == 0,
        description="largest change of the speed of speech and noise, in training, and with it of pitch and formants",
    )
    babble_share: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of training examples whose noise is other speakers talking"
    )

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        if self.lowest_snr_db > self.highest_snr_db:
            raise ValueError("lowest_snr_db must not be above highest_snr_db")
        if self.lowest_level_dbfs > self.highest_level_dbfs:
            raise ValueError("lowest_level_dbfs must not be above highest_level_dbfs")
        return self

    @property
    def crop_samples(self) -> int:
        """Samples of a training example."""
        return round(self.crop_seconds * SAMPLE_RATE_HZ)
