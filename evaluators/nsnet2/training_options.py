"""How the early-exiting nsNet2 is trained, as a study says it; free of torch, which is slow to import."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from evaluators.speech.data_options import as_tuple
from evaluators.training.options import UpdateOptions

Scheme = Literal["joint", "layerwise"]
Layer = Literal["fc1", "gru1", "gru2", "fc2", "fc3", "fc4"]


class TrainingOptions(UpdateOptions):
    """How a network is trained."""

    scheme: Scheme = Field(
        default="joint", description="all exits at once, or exit by exit with what was trained before frozen"
    )
    warm_share: float = Field(
        default=0.2, gt=0.0, le=1.0, description="of the learning rate, for weights that the training starts from"
    )
    kept_layers: Annotated[tuple[Layer, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="layers of the weights that the training starts from that stay as they are"
    )
    monotone_weight: float = Field(
        default=1.0, ge=0.0, description="of the penalty for an exit that is worse than the one before it"
    )
    skipping: float = Field(
        default=0.5, ge=0.0, le=1.0, description="share of the examples of which some frames leave early"
    )
