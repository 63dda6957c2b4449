"""Spoken digits from a folder like the Free Spoken Digit Dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import Part, assemble, pad
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.features import FeatureOptions
from evaluators.gru.tasks.options import Share, find_folder
from evaluators.gru.tasks.recordings import features_of
from evaluators.gru.tasks.splitting import Indices, deal
from evaluators.system import Context
from spaces import nearest

_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>.+)_(?P<take>\d+)")


class SpokenDigitsOptions(FeatureOptions):
    """Options of `spoken_digits`."""

    # Finer bands tell voices apart rather than words: with 32, unknown speakers are recognized markedly worse.
    n_mels: int = Field(default=16, ge=4, le=128, description="features: mel bands from 60 Hz to half the sample rate")
    test_speaker: str | None = Field(default=None, description="speaker kept for test; default: a share of all takes")
    validation_speaker: str | None = Field(
        default=None,
        description="speaker kept for validation; default: a share of the takes of all but the test speaker",
    )
    test_share: Share = Field(default=0.2, description="share of takes for test, where no test speaker is given")
    validation_share: Share = Field(
        default=0.2,
        description="share of the takes that test leaves for validation, where no validation speaker is given",
    )

    @model_validator(mode="after")
    def _speakers_differ(self) -> Self:
        if self.test_speaker is not None and self.test_speaker == self.validation_speaker:
            raise ValueError("test_speaker and validation_speaker must not be the same")
        return self


def load_spoken_digits(options: SpokenDigitsOptions, context: Context) -> ClassificationData:
    """Log-mel features of WAV files `<digit>_<speaker>_<take>.wav`; every band is scaled on its own.

    Shares of takes are drawn alike from every speaker and digit.

    Raises:
        DataError: If files are missing or unreadable, named otherwise, or a speaker is unknown.
    """
    root = find_folder(options.root, "kws_fsdd")
    folder = root / "recordings" if (root / "recordings").is_dir() else root
    files = sorted(folder.glob("*.wav"))
    if not files:
        raise DataError("there are no .wav files", where=folder, expected="<digit>_<speaker>_<take>.wav")
    digits, speakers = _parse(files)
    labels = np.array(digits, dtype=np.int64)
    return assemble(
        pad(features_of(files, folder, options, context), labels),
        _split(labels, np.array(speakers), options, folder),
        [str(digit) for digit in range(max(digits) + 1)],
        f"spoken digits, {_described(options)}",
        scaling="each_feature",
        seed=options.split_seed,
    )


def _parse(files: Sequence[Path]) -> tuple[list[int], list[str]]:
    """Digit and speaker of each file."""
    digits, speakers = [], []
    for file in files:
        match = _NAME.fullmatch(file.stem)
        if match is None:
            raise DataError("the name tells no digit", where=file, expected="<digit>_<speaker>_<take>.wav")
        digits.append(int(match["digit"]))
        speakers.append(match["speaker"])
    return digits, speakers


def _split(
    labels: NDArray[np.int64], speakers: NDArray[np.str_], options: SpokenDigitsOptions, folder: Path
) -> dict[Part, Indices]:
    for chosen in (options.test_speaker, options.validation_speaker):
        if chosen is not None and chosen not in speakers:
            known = sorted(set(speakers.tolist()))
            guess = nearest(chosen, known)
            advice = f'Did you mean "{guess}"' if guess else ""
            raise DataError(
                f"no speaker {chosen!r}", where=folder, expected=f"one of {', '.join(known)}", advice=advice
            )
    # Those who are to be kept whole must not lend takes to the other split.
    lenders = np.flatnonzero(speakers != options.validation_speaker)
    test = _take(lenders, labels, speakers, options.test_speaker, options.test_share, options.split_seed)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    validation = _take(rest, labels, speakers, options.validation_speaker, options.validation_share, options.split_seed)
    return {"train": np.setdiff1d(rest, validation), "validation": validation, "test": test}


def _take(
    candidates: Indices,
    labels: NDArray[np.int64],
    speakers: NDArray[np.str_],
    speaker: str | None,
    share: float,
    seed: int,
) -> Indices:
    """All takes of the speaker, or a share of the candidates that is fair to speakers and digits."""
    if speaker is not None:
        return np.intersect1d(candidates, np.flatnonzero(speakers == speaker))
    voices = np.unique(speakers, return_inverse=True)[1].astype(np.int64)
    strata = (labels + (labels.max() + 1) * voices)[candidates]
    return candidates[deal(strata, {"taken": round(share * len(candidates))}, seed)["taken"]]


def _described(options: SpokenDigitsOptions) -> str:
    test = f"test: speaker {options.test_speaker}" if options.test_speaker else "test: other takes"
    chosen = options.validation_speaker
    return f"{test}, validation: speaker {chosen}" if chosen else f"{test}, validation: other takes"
