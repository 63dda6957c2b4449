"""How a Conv-FSENet and its gates are trained, as a study says it; free of torch, which is slow to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaluators.enhancement.teaching_options import TeachingOptions

Surrogate = Literal["inverse_square", "straight_through"]


class TrainingOptions(TeachingOptions):
    """How a network is trained: densely first, then with its gates, once for every target."""

    epochs: int = Field(default=20, ge=1, description="of the dense network; times that a checkpoint is written")
    gate_epochs: int = Field(default=10, ge=1, description="of network and gates, from the dense network on")
    hearings: int = Field(
        default=1, ge=1, description="epochs in a row that hear the same mixtures, which stay in memory"
    )
    learning_rate: float = Field(default=0.004, gt=0.0, description="peak of the learning rate, for the dense network")
    gate_learning_rate: float = Field(default=0.002, gt=0.0, description="the same for network and gates")
    noise_weight: float = Field(
        default=0.0, ge=0.0, description="of the logarithm of noise over speech, beside the compressed spectral loss"
    )
    target_weight: float = Field(
        default=5.0, gt=0.0, description="of the squared distance of the share of channels kept from its target"
    )
    unpruned: float = Field(
        default=0.3, ge=0.0, le=1.0, description="share of the examples of which random blocks are not pruned"
    )
    surrogate: Surrogate = Field(
        default="inverse_square", description="gradient of the step function: 1/(1 + beta |s|)^2, or 1"
    )
    surrogate_slope: float = Field(default=1.0, gt=0.0, description="beta of the surrogate gradient")
