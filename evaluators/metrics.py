"""The metrics that are known by name: which way is better, and in what unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["min", "max"]


@dataclass(frozen=True)
class Metric:
    """A measure of quality.

    Attributes:
        direction: `min` if less is better.
        description: One line for people, with the unit or range.
    """

    direction: Direction
    description: str = ""


METRICS: Mapping[str, Metric] = {
    "error_rate": Metric("min", "share of examples classified wrongly, 0 to 1"),
    "accuracy": Metric("max", "share of examples classified rightly, 0 to 1"),
    "pesq": Metric("max", "wide-band PESQ (ITU-T P.862.2), mean opinion score, 1.0 to 4.64"),
    "stoi": Metric("max", "short-time objective intelligibility, 0 to 1"),
    "estoi": Metric("max", "extended short-time objective intelligibility, 0 to 1"),
    "si_sdr_db": Metric("max", "scale-invariant signal-to-distortion ratio, dB"),
    "dnsmos_sig": Metric("max", "DNSMOS P.835 speech quality, mean opinion score, 1 to 5"),
    "dnsmos_bak": Metric("max", "DNSMOS P.835 background quality, mean opinion score, 1 to 5"),
    "dnsmos_ovr": Metric("max", "DNSMOS P.835 overall quality, mean opinion score, 1 to 5"),
    "dnsmos_p808": Metric("max", "DNSMOS P.808 overall quality, mean opinion score, 1 to 5"),
    "pearson": Metric("max", "linear correlation of predicted with true scores, -1 to 1"),
    "spearman": Metric("max", "rank correlation of predicted with true scores, -1 to 1"),
    "mse": Metric("min", "mean squared error of predicted scores, in squares of a score"),
    "weight_mbytes_per_second": Metric(
        "min", "megabytes of weights fetched for a second of audio, expected over the data; each once an inference"
    ),
    "mmacs_per_second": Metric("min", "millions of multiply-accumulates for a second of audio, expected over the data"),
}
