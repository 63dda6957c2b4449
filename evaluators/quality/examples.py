"""Speech with its quality: mixtures and what suppressors leave of them, labelled by wide-band PESQ, split once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from evaluators.data import SPLITS, Split
from evaluators.errors import DataError
from evaluators.nsnet2.trained import weights_identity
from evaluators.quality.label_options import LabelOptions
from evaluators.quality.label_store import (
    LabelledExample,
    LabelledExamples,
    is_stored,
    read_examples,
    store_examples,
)
from evaluators.quality.signals import SIGNAL_VERSION, Signal, Signals
from evaluators.quality.suppressors import SUPPRESSOR_VERSION, suppressors
from evaluators.speech.clip_scores import SCORING_VERSION
from evaluators.speech.corpus import SpeechData, load_speech_data
from evaluators.speech.evaluation_sets import MixedSet
from evaluators.speech.folders import listed
from evaluators.speech.mixtures import MixedExamples, TrainingExamples
from evaluators.speech.score_cache import ScoreCache
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.storage import settings_hash
from evaluators.system import Context
from evaluators.training.threads import one_thread

AT_ONCE = 32
"""Examples that are made while as many others are scored."""
PATIENCE_S = 1800.0
"""For one label: how busy a machine is, or whether it sleeps meanwhile, must not decide which examples there are."""
MAX_LISTED = 20
"""Examples left out that a run lists by name."""


@dataclass(frozen=True)
class LabelledData:
    """Speech and its quality; no speaker and no source of noise is in two of train, validation and test.

    Attributes:
        parts: The examples of every split; calibration has other examples of the speakers and noises of train.
        description: One line for people.
        left_out: How many recordings and examples were left out, and why; `none`.
        fingerprint: Identity of all of it, for caches.
        training_fingerprint: Identity of train, calibration and validation: what decides trained weights.
    """

    parts: Mapping[Split, LabelledExamples]
    description: str
    left_out: str
    fingerprint: str
    training_fingerprint: str

    @property
    def training(self) -> LabelledExamples:
        """What is trained on."""
        return self.parts["train"]

    @property
    def calibration(self) -> LabelledExamples:
        """What ranges are measured on."""
        return self.parts["calibration"]

    @property
    def validation(self) -> LabelledExamples:
        """What choices are made on."""
        return self.parts["validation"]

    @property
    def test(self) -> LabelledExamples:
        """What is reported."""
        return self.parts["test"]


def load_labelled_data(options: LabelOptions, context: Context) -> LabelledData:
    """The labelled examples from the cache; those that it lacks are made and scored first, in parallel.

    An interrupted labelling goes on where it was: scores are kept one by one.

    Raises:
        DataError: If the recordings cannot be used or split, or a split has not two different labels.
        MissingExtraError: If a package is missing.
    """
    speech = load_speech_data(options.speech, context)
    keys = {split: _key(options, speech, split) for split in SPLITS}
    parts = {split: _part(options, speech, split, keys[split], context) for split in SPLITS}
    for split, part in parts.items():
        _check(split, part)
    notes = tuple(note for part in parts.values() for note in part.left_out)
    told = [listed(speech.skipped, "recordings", MAX_LISTED), listed(notes, "examples without a label", MAX_LISTED)]
    return LabelledData(
        parts=parts,
        description=_described(options, speech, parts),
        left_out="; ".join(filter(None, told)) or "none",
        fingerprint=settings_hash(keys),
        training_fingerprint=settings_hash({split: keys[split] for split in SPLITS if split != "test"}),
    )


def _part(options: LabelOptions, speech: SpeechData, split: Split, key: str, context: Context) -> LabelledExamples:
    path = context.cache / "quality" / "examples" / f"{key}.npy"
    if context.fresh or not is_stored(path):
        chosen = suppressors(options.suppressor_weights)
        signals = Signals(_mixtures(speech, split), chosen, options.degraded_share, _seed(options, split))
        with one_thread():
            store_examples(path, _labelled(signals, split, _n_examples(options, split), context))
    return read_examples(path)


def _labelled(signals: Signals, split: Split, n: int, context: Context) -> Iterator[LabelledExample]:
    """Examples in order; while some are scored by other processes, the next ones are made here."""
    starts = range(0, n, AT_ONCE)

    def made(start: int) -> list[Signal]:
        return [signals.signal(k) for k in range(start, min(start + AT_ONCE, n))]

    context.progress.start(f"labelling speech: {split}", n)
    try:
        with (
            Scorer(["pesq"], ScoreCache(context.cache / "speech_scores.jsonl"), timeout_s=PATIENCE_S) as scorer,
            ThreadPoolExecutor(1) as ahead,
        ):
            coming = ahead.submit(made, 0)
            for start in starts:
                found = coming.result()
                if start + AT_ONCE < n:
                    coming = ahead.submit(made, start + AT_ONCE)
                scores = scorer.score([Scorable(signal.clean, signal.heard) for signal in found])
                for signal, score in zip(found, scores, strict=True):
                    # A value with a reason is a stand-in for means of metrics, not what PESQ says.
                    label = None if score["pesq"].reason else score["pesq"].value
                    yield LabelledExample(f"{split} {signal.name}", signal.heard, label, score["pesq"].reason)
                context.progress.advance(len(found))
    finally:
        context.progress.finish()


def _mixtures(speech: SpeechData, split: Split) -> TrainingExamples:
    """Crops of a fixed length, of the split's own speakers and noises."""
    if split == "train":
        return speech.training
    clips = speech.evaluation[split]
    assert isinstance(clips, MixedSet), "label options name clean speech and noise"
    return MixedExamples(clips.clean, clips.noise, clips.options, clips.seed)


def _n_examples(options: LabelOptions, split: Split) -> int:
    return {
        "train": options.training_examples,
        "calibration": options.calibration_examples,
        "validation": options.validation_examples,
        "test": options.test_examples,
    }[split]


def _seed(options: LabelOptions, split: Split) -> int:
    return len(SPLITS) * options.split_seed + SPLITS.index(split)


def _key(options: LabelOptions, speech: SpeechData, split: Split) -> str:
    return settings_hash(
        {
            "versions": [SIGNAL_VERSION, SUPPRESSOR_VERSION, SCORING_VERSION],
            # Recordings, how they are split and how they are mixed.
            "speech": speech.training_fingerprint,
            "split": split,
            "n": _n_examples(options, split),
            "degraded_share": options.degraded_share,
            "suppressor": weights_identity(options.suppressor_weights) if options.suppressor_weights else "",
        }
    )


def _check(split: Split, part: LabelledExamples) -> None:
    if len(np.unique(part.labels)) >= 2:
        return
    wrong = f"{len(part)} of the {split} examples have a label" if len(part) < 2 else f"all labels of {split} are equal"
    advice = listed(part.left_out, "left out") or "Widen the range from lowest_snr_db to highest_snr_db"
    raise DataError(f"{wrong}: nothing can be learned or correlated", expected="different labels", advice=advice)


def _described(options: LabelOptions, speech: SpeechData, parts: Mapping[Split, LabelledExamples]) -> str:
    counts = ", ".join(f"{len(part)} {split}" for split, part in parts.items())
    helpers = "a spectral suppressor" + (" or nsNet2" if options.suppressor_weights else "")
    return (
        f"{counts} examples of 5 s at {options.lowest_snr_db:g} to {options.highest_snr_db:g} dB, "
        f"{options.degraded_share:.0%} of them denoised by {helpers}, labelled by wide-band PESQ; {speech.description}"
    )
