"""The data of a speech system: read or synthesized, split, and ready to train and to measure on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Protocol, cast

from evaluators.data import Split
from evaluators.speech.built_in import built_in_noise, built_in_speech
from evaluators.speech.catalog import Note, check_apart
from evaluators.speech.data_options import SpeechDataOptions
from evaluators.speech.evaluation_sets import EvaluationSet, MixedSet, PairedSet
from evaluators.speech.folders import listed, read_noise, read_pairs, read_speech
from evaluators.speech.mixtures import MIXING_VERSION, MixedExamples, PairedExamples, TrainingExamples
from evaluators.speech.recordings import Recordings
from evaluators.speech.splitting import Part, Shares, deal_sources
from evaluators.storage import settings_hash
from evaluators.system import Context

MAX_LISTED = 100
"""Files left out that a run lists by name."""
SHARES: Shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
SHARES_WITHOUT_TEST: Shares = {"train": 0.9, "validation": 0.1}
_PARTS: Mapping[Split, Part] = {"train": "train", "calibration": "train", "validation": "validation", "test": "test"}
"""Split -> whose speakers and noises it has."""
_SEEDS: Mapping[Split, int] = {"train": 0, "calibration": 1, "validation": 2, "test": 3}
_FOLDERS = ("clean", "noise", "pairs", "test_pairs")
_MEASURING = ("calibration_clips", "validation_clips", "test_clips", "max_clip_seconds")
"""Options that do not change what is trained on."""


@dataclass(frozen=True)
class SpeechData:
    """Speech to train and measure on; no speaker and no source of noise is in two of train, validation and test.

    Attributes:
        training: Examples of the train split.
        evaluation: The clips of calibration (other mixtures of the train split), validation and test.
        description: One line for people.
        skipped: Files left out, and why.
        remarks: What is odd about files that were not left out.
        fingerprint: Identity of all of it, for caches.
        training_fingerprint: Identity of what is trained on, whatever the number and length of clips to measure on.
    """

    training: TrainingExamples
    evaluation: Mapping[Split, EvaluationSet]
    description: str
    skipped: tuple[Note, ...]
    remarks: tuple[Note, ...]
    fingerprint: str
    training_fingerprint: str

    @property
    def left_out(self) -> str:
        """How many files were left out, and which, with what is wrong with each."""
        return listed(self.skipped, "left out", MAX_LISTED) or "none"

    def for_evaluation(self) -> SpeechData:
        """The same without what only training needs; nobody must ask it for examples."""
        measured: Mapping[Split, EvaluationSet] = {
            s: c for s, c in self.evaluation.items() if s in ("validation", "test")
        }
        return replace(self, training=cast(TrainingExamples, None), evaluation=measured)


def load_speech_data(options: SpeechDataOptions, context: Context) -> SpeechData:
    """Read or synthesize what the options name, split it, and say how it is mixed.

    Raises:
        DataError: If folders are missing, empty, not apart, or cannot be split.
        EvaluationError: If built-in speech cannot be made.
        MissingExtraError: If a package is missing.
    """
    _check_folders(options)
    shares = SHARES if options.test_pairs is None else SHARES_WITHOUT_TEST
    material: _Material = (
        _MixedMaterial(options, shares, context) if options.pairs is None else _PairedMaterial(options, shares, context)
    )
    evaluation: dict[Split, EvaluationSet] = {
        "calibration": material.clips("calibration", options.calibration_clips),
        "validation": material.clips("validation", options.validation_clips),
    }
    used, description = list(material.recordings), material.description
    if options.test_pairs is None:
        evaluation["test"] = material.clips("test", options.test_clips)
    else:
        noisy, clean = read_pairs(options.test_pairs, context, options.speakers)
        evaluation["test"] = PairedSet(noisy, clean, len(clean))
        used.append(clean)
        description += f"; test: {_described(clean, 'pairs', 'speakers')} of {options.test_pairs.name}"
    return SpeechData(
        training=material.examples(),
        evaluation=evaluation,
        description=description,
        skipped=tuple(note for recordings in used for note in recordings.skipped),
        remarks=tuple(note for recordings in used for note in recordings.remarks),
        fingerprint=_fingerprint(options, used),
        training_fingerprint=_fingerprint(options, material.recordings, without=_MEASURING),
    )


class _Material(Protocol):
    """Recordings with their sources dealt out to the parts."""

    @property
    def recordings(self) -> Sequence[Recordings]: ...

    @property
    def description(self) -> str: ...

    def examples(self) -> TrainingExamples: ...

    def clips(self, split: Split, n_clips: int) -> EvaluationSet: ...


class _MixedMaterial:
    """Clean speech and noise."""

    def __init__(self, options: SpeechDataOptions, shares: Shares, context: Context) -> None:
        self._options = options
        self._clean = (
            built_in_speech(context) if options.clean is None else read_speech(options.clean, context, options.speakers)
        )
        self._noise = (
            built_in_noise(context) if options.noise is None else read_noise(options.noise, context, options.noises)
        )
        self._speakers = deal_sources(self._clean.kinds, shares, options.split_seed, "speakers")
        self._sources = deal_sources(self._noise.kinds, shares, options.split_seed, "sources of noise")
        self.recordings = (self._clean, self._noise)
        self.description = "; ".join(
            [
                f"{'synthesized' if options.clean is None else 'clean'} speech: "
                f"{_described(self._clean, 'clips', 'speakers')}",
                f"{'generated' if options.noise is None else 'recorded'} noise: "
                f"{_described(self._noise, 'clips', 'sources')}",
            ]
        )

    def examples(self) -> TrainingExamples:
        return MixedExamples(*self._of("train"), self._options.mixing, _seed(self._options, "train"))

    def clips(self, split: Split, n_clips: int) -> EvaluationSet:
        options = self._options
        return MixedSet(*self._of(split), options.mixing, n_clips, options.max_clip_seconds, _seed(options, split))

    def _of(self, split: Split) -> tuple[Recordings, Recordings]:
        part = _PARTS[split]
        return self._clean.of_sources(self._speakers[part]), self._noise.of_sources(self._sources[part])


class _PairedMaterial:
    """Pairs of noisy and clean speech."""

    def __init__(self, options: SpeechDataOptions, shares: Shares, context: Context) -> None:
        assert options.pairs is not None
        self._options = options
        self._noisy, self._clean = read_pairs(options.pairs, context, options.speakers)
        self._speakers = deal_sources(self._clean.kinds, shares, options.split_seed, "speakers")
        self.recordings = (self._clean,)
        self.description = f"pairs of {options.pairs.name}: {_described(self._clean, 'pairs', 'speakers')}"

    def examples(self) -> TrainingExamples:
        return PairedExamples(*self._of("train"), self._options.mixing, _seed(self._options, "train"))

    def clips(self, split: Split, n_clips: int) -> EvaluationSet:
        noisy, clean = self._of(split)
        return PairedSet(noisy, clean, min(n_clips, len(clean)))

    def _of(self, split: Split) -> tuple[Recordings, Recordings]:
        speakers = self._speakers[_PARTS[split]]
        return self._noisy.of_sources(speakers), self._clean.of_sources(speakers)


def _check_folders(options: SpeechDataOptions) -> None:
    """No folder may serve two ends: what is trained on must not be tested on, nor speech be taken for noise."""
    roles: dict[str, tuple[Path, ...]] = {
        "clean speech": options.clean or (),
        "noise": options.noise or (),
        "pairs": (options.pairs,) if options.pairs else (),
        "pairs for test": (options.test_pairs,) if options.test_pairs else (),
    }
    for (one, folders), (other, others) in combinations(roles.items(), 2):
        check_apart(folders, others, f"{one} and {other}")


def _seed(options: SpeechDataOptions, split: Split) -> int:
    """No two splits of any two studies draw the same numbers, unless the split and the study's seed are the same."""
    return len(_SEEDS) * options.split_seed + _SEEDS[split]


def _described(recordings: Recordings, clips: str, sources: str) -> str:
    minutes = recordings.seconds / 60
    return f"{len(recordings)} {clips} of {len(recordings.by_source)} {sources}, {minutes:.1f} min"


def _fingerprint(options: SpeechDataOptions, used: Sequence[Recordings], without: Sequence[str] = ()) -> str:
    return settings_hash(
        {
            "version": MIXING_VERSION,
            "recordings": [recordings.fingerprint for recordings in used],
            # Not the folders themselves: the same recordings elsewhere are the same data.
            "given": [getattr(options, name) is not None for name in _FOLDERS],
            "options": options.model_dump(mode="json", exclude={*_FOLDERS, *without}),
        }
    )
