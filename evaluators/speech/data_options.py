"""What a study says about the data of a speech system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evaluators.speech.catalog import NOISES, SPEAKERS, Naming
from evaluators.speech.mixing_options import MixingOptions
from evaluators.storage import data_root
from spaces import Options


def _one_or_more(given: object) -> object:
    return tuple(given) if isinstance(given, list) else (given,) if isinstance(given, str | Path) else given


def _pattern(given: str) -> str:
    try:
        groups = re.compile(given).groups
    except re.error as error:
        raise ValueError(f"{given!r} is not a regular expression: {error}") from error
    if groups == 0:
        raise ValueError(f"{given!r} has no group (...) that says which part of the name counts")
    return given


def as_tuple(given: object) -> object:
    """A list of a study as a tuple; anything else as it is."""
    return tuple(given) if isinstance(given, list) else given


SpeechMetric = Literal["pesq", "stoi", "estoi", "si_sdr_db", "dnsmos_sig", "dnsmos_bak", "dnsmos_ovr", "dnsmos_p808"]
AnyPath = Annotated[Path, Field(strict=False)]
Folders = Annotated[tuple[AnyPath, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class SpeechDataOptions(Options):
    """Where speech and noise come from; relative paths start from the study's folder, else from `TINYPARETO_DATA`."""

    clean: Folders | None = Field(default=None, description="folders of clean speech; default: synthesized speech")
    noise: Folders | None = Field(default=None, description="folders of noise; default: generated noise")
    pairs: AnyPath | None = Field(default=None, description="folder of `noisy` and `clean`, instead of the two above")
    test_pairs: AnyPath | None = Field(
        default=None, description="folder of `noisy` and `clean` that is used for test only"
    )
    speaker_pattern: Pattern | None = Field(
        default=None, description="finds the speaker in a file's path; default: index.csv, else the start of the name"
    )
    noise_pattern: Pattern | None = Field(
        default=None, description="finds the source of a noise in a file's path; default: index.csv, else the file"
    )
    mixing: MixingOptions = Field(default=MixingOptions(), description="how speech and noise are mixed")
    calibration_clips: int = Field(default=20, ge=1, description="clips of train speakers that settings are chosen on")
    validation_clips: int = Field(default=40, ge=1, description="clips that a search measures on")
    test_clips: int = Field(
        default=40, ge=1, description="clips for the final measurement; of `test_pairs`, all are used"
    )
    max_clip_seconds: float = Field(
        default=10.0, ge=1.0, le=60.0, description="longer utterances are cut for measuring"
    )
    split_seed: int = Field(default=0, ge=0, description="chooses speakers and noises of each split, and all mixtures")

    @model_validator(mode="after")
    def _pairs_are_alone(self) -> Self:
        if self.pairs is not None and (self.clean is not None or self.noise is not None):
            raise ValueError("pairs stand instead of clean and noise; give one or the other")
        return self

    @property
    def speakers(self) -> Naming:
        """How the speaker of a recording is found."""
        return SPEAKERS if self.speaker_pattern is None else Naming((), self.speaker_pattern)

    @property
    def noises(self) -> Naming:
        """How the source of a noise is found."""
        return NOISES if self.noise_pattern is None else Naming((), self.noise_pattern)

    def resolved(self, folder: Path) -> Self:
        """The same options with paths as they are used, relative ones starting from `folder` if they exist there."""
        return self.model_copy(
            update={
                "clean": self.clean and tuple(resolved(path, folder) for path in self.clean),
                "noise": self.noise and tuple(resolved(path, folder) for path in self.noise),
                "pairs": self.pairs and resolved(self.pairs, folder),
                "test_pairs": self.test_pairs and resolved(self.test_pairs, folder),
            }
        )


def resolved(path: Path, folder: Path) -> Path:
    """A path as it is used: from `folder` if it exists there, else from `TINYPARETO_DATA` if that is set."""
    beside, shared = folder / path.expanduser(), data_root()
    if shared is None or beside.exists() or path.expanduser().is_absolute():
        return beside
    return shared / path
