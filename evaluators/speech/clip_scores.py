"""Scores one clip by any of the speech metrics, and says why where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from evaluators.speech.dnsmos import DnsMos
from evaluators.speech.intelligibility import stoi_and_estoi
from evaluators.speech.levels import is_silent
from evaluators.speech.signal_metrics import SI_SDR_RANGE_DB, UnscorableError, pesq_wide_band, si_sdr_db
from evaluators.speech.sound import Samples

SCORING_VERSION = 1
"""To be raised whenever the same sound gets another score, so that kept ones are not used."""


@dataclass(frozen=True)
class Score:
    """What one metric says of one clip.

    Attributes:
        value: None if the clip cannot be scored whatever the output is; it is then left out of means, for every
            candidate alike. An output that cannot be scored where others can gets the metric's worst value.
        reason: Why the value is not a measured one; empty if it is.
    """

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class _Measure:
    """A computation that gives one or several metrics at a time, with their worst values."""

    worst: Mapping[str, float]
    values: Callable[[Samples, Samples, DnsMos | None], tuple[float, ...]]


def _network(dnsmos: DnsMos | None) -> DnsMos:
    assert dnsmos is not None, "whoever asks for DNSMOS gives its networks"
    return dnsmos


_MEASURES = (
    _Measure({"pesq": 1.0}, lambda clean, output, _: (pesq_wide_band(clean, output),)),
    _Measure({"stoi": 0.0, "estoi": 0.0}, lambda clean, output, _: stoi_and_estoi(clean, output)),
    _Measure({"si_sdr_db": SI_SDR_RANGE_DB[0]}, lambda clean, output, _: (si_sdr_db(clean, output),)),
    _Measure(
        {"dnsmos_sig": 1.0, "dnsmos_bak": 1.0, "dnsmos_ovr": 1.0},
        lambda _, output, dnsmos: _network(dnsmos).p835(output),
    ),
    _Measure({"dnsmos_p808": 1.0}, lambda _, output, dnsmos: (_network(dnsmos).p808(output),)),
)
DNSMOS_METRICS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovr", "dnsmos_p808")
WORST: Mapping[str, float] = {name: value for measure in _MEASURES for name, value in measure.worst.items()}
"""Metric -> the value of an output that cannot be scored where others can."""


def score_clip(
    clean: Samples, output: Samples, metrics: Iterable[str], dnsmos: DnsMos | None = None
) -> dict[str, Score]:
    """Score an output by the metrics of the given names.

    Args:
        clean: Reference, shape (n_samples,).
        output: To be judged, of the same shape.
        metrics: Keys of `WORST`.
        dnsmos: The networks, if DNSMOS is among the metrics.

    Raises:
        ValueError: If the shapes differ.
        MissingExtraError: If a package is missing.
    """
    if clean.shape != output.shape or clean.ndim != 1:
        raise ValueError(f"clean speech of shape {clean.shape} and an output of shape {output.shape}")
    wanted = set(metrics)
    found: dict[str, Score] = {}
    for measure in _MEASURES:
        if wanted & measure.worst.keys():
            found |= _measured(measure, clean, output, dnsmos)
    return {name: found[name] for name in WORST if name in wanted}


def unscored(metrics: Iterable[str], reason: str) -> dict[str, Score]:
    """The worst values, for an output that could not be scored."""
    return {name: Score(WORST[name], reason) for name in metrics}


def _measured(measure: _Measure, clean: Samples, output: Samples, dnsmos: DnsMos | None) -> dict[str, Score]:
    try:
        _check(clean, output)
        values = measure.values(clean, output, dnsmos)
    except UnscorableError as error:
        if error.is_clips_fault:
            return {name: Score(None, error.reason) for name in measure.worst}
        return unscored(measure.worst, error.reason)
    return {name: Score(value) for name, value in zip(measure.worst, values, strict=True)}


def _check(clean: Samples, output: Samples) -> None:
    if not np.isfinite(clean).all():
        raise UnscorableError("the clean signal is not finite", is_clips_fault=True)
    if not len(clean) or is_silent(clean):
        raise UnscorableError("the clean signal is silent", is_clips_fault=True)
    if not np.isfinite(output).all():
        raise UnscorableError("the output is not finite")
    if not output.any():
        raise UnscorableError("the output is silent")
