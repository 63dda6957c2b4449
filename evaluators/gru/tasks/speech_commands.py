"""Spoken words from a folder with one subfolder a word, like Google's Speech Commands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import PARTS, Part, assemble, pad
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.features import FeatureOptions
from evaluators.gru.tasks.options import Share, find_folder
from evaluators.gru.tasks.recordings import features_of
from evaluators.gru.tasks.splitting import Indices
from evaluators.system import Context
from spaces import nearest

SUFFIXES = {".wav", ".flac"}


class SpeechCommandsOptions(FeatureOptions):
    """Options of `speech_commands`."""

    sample_rate_hz: int = Field(default=16000, ge=4000, le=48000, description="recordings are resampled to this rate")
    frames_per_step: int = Field(default=3, ge=1, le=50, description="spectra averaged into one step of a sequence")
    words: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="words to tell apart; default: all"
    )
    test_share: Share = Field(default=0.1, description="share of speakers for test")
    validation_share: Share = Field(default=0.1, description="share of speakers for validation")

    @model_validator(mode="after")
    def _leaves_some_to_train(self) -> Self:
        if self.validation_share + self.test_share >= 1.0:
            raise ValueError("validation_share and test_share leave nothing to train on")
        return self


def load_speech_commands(options: SpeechCommandsOptions, context: Context) -> ClassificationData:
    """Log-mel features of WAV or FLAC files; every band is scaled on its own.

    The split depends on nothing but the speaker's part of a file's name, or all of it where it names none. With shares
    of 0.1 it is the one that comes with Speech Commands.

    Raises:
        DataError: If folders or recordings are missing or unreadable, or a word is unknown.
    """
    root = find_folder(options.root, "speech_commands")
    words = _words(root, options.words)
    files_by_word = [_recordings(root / word) for word in words]
    files = [file for group in files_by_word for file in group]
    labels = np.repeat(np.arange(len(words), dtype=np.int64), [len(group) for group in files_by_word])
    return assemble(
        pad(features_of(files, root, options, context), labels),
        _split(files, options),
        words,
        f"{len(words)} spoken words of {root.name}, split by speaker or file name",
        scaling="each_feature",
        seed=options.split_seed,
    )


def part_of(file_name: str, validation_share: float, test_share: float) -> Part:
    """The split of a recording, by a hash of its speaker: everything up to `_nohash_`, else the whole name.

    Source: the README of Speech Commands (Warden, 2018, arXiv 1804.03209): SHA-1 modulo 2^27, as a percentage.
    """
    speaker = re.sub(r"_nohash_.*$", "", file_name)
    place = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % 2**27 / (2**27 - 1)
    if place < validation_share:
        return "validation"
    return "test" if place < validation_share + test_share else "train"


def _split(files: Sequence[Path], options: SpeechCommandsOptions) -> dict[Part, Indices]:
    found = np.array([part_of(file.name, options.validation_share, options.test_share) for file in files])
    return {part: np.flatnonzero(found == part) for part in PARTS}


def _words(root: Path, chosen: tuple[str, ...]) -> list[str]:
    """Subfolders that are words; those that begin with `_` or `.` hold other things, such as noise."""
    there = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] not in "_.")
    if not there:
        raise DataError("there are no subfolders", where=root, expected="one subfolder a word")
    for word in chosen:
        if word not in there:
            guess = nearest(word, there)
            raise DataError(
                f"there is no word {word!r}",
                where=root,
                expected=f"one of {', '.join(there)}",
                advice=f'Did you mean "{guess}"' if guess else "",
            )
    return sorted(set(chosen)) or there


def _recordings(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError("there are no recordings", where=folder, expected="files *.wav or *.flac")
    return files
