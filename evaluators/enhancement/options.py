"""What a study says of any enhancer: its data, its scores and what it is compared with; free of torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from evaluators.speech.data_options import AnyPath, SpeechDataOptions, SpeechMetric, as_tuple
from spaces import Options


class PublishedReference(Options):
    """Figures of another system on the test data."""

    label: str = Field(min_length=1, description="what it is called")
    metrics: dict[SpeechMetric | Literal["mmacs_per_second"], Annotated[float, Field(allow_inf_nan=False)]] = Field(
        description="metric -> value, with `mmacs_per_second` for its work"
    )


class EnhancerOptions(Options):
    """Options of every enhancer; each adds its own."""

    data: SpeechDataOptions = Field(SpeechDataOptions(), description="speech and noise")
    scores: Annotated[tuple[SpeechMetric, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        ("pesq", "stoi", "si_sdr_db"), description="metrics to measure"
    )
    dnsmos: AnyPath | None = Field(None, description="folder of DNSMOS's ONNX files, for its metrics")
    references: Annotated[tuple[PublishedReference, ...], BeforeValidator(as_tuple)] = Field(
        (), description="figures of other systems on the test data, to compare with: a list of `label` and `metrics`"
    )
    bits: Literal[8, 32] = Field(
        8, description="of weights and activations, for bytes and cycles; quality is measured in floating point"
    )
