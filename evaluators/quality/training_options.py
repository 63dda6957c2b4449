"""How a quality predictor is trained, as a study says it; free of torch, which is slow to import."""

from __future__ import annotations

from pydantic import Field

from spaces import Options


class TrainingOptions(Options):
    """Training in floating point, and fine-tuning of what has so few bits that rounding a trained network fails."""

    epochs: int = Field(default=100, ge=1, description="in floating point, at most")
    fine_tuning_epochs: int = Field(default=20, ge=1, description="with few bits, from the float network on, at most")
    patience: int = Field(default=40, ge=1, description="epochs without a better validation correlation that end it")
    batch_size: int = Field(default=16, ge=1, description="examples per update")
    learning_rate: float = Field(default=0.001, gt=0.0, description="peak of the learning rate of Adam")
    fine_tuning_rate: float = Field(default=0.001, gt=0.0, description="the same for fine-tuning")
    distillation: float = Field(
        default=1.0, ge=0.0, le=1.0, description="weight of the float network's scores in what fine-tuning aims at"
    )
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0, description="of map values in training; none in fine-tuning")
    crop_share: float = Field(
        default=0.75, gt=0.0, le=1.0, description="share of a window, cut out at random, that an update hears"
    )
    band_shift: int = Field(
        default=1, ge=0, le=20, description="mel bands that a spectrum is moved up or down at random, at most"
    )
    surrogate_slope: float = Field(default=4.0, gt=0.0, description="beta of the gradient 1/(beta |x| + 1)^2 of a step")
    fine_tuned_map_bits: int = Field(default=1, ge=1, le=8, description="maps of so many bits or fewer are fine-tuned")
    fine_tuned_weight_bits: int = Field(
        default=2, ge=0, le=8, description="weights of so many bits or fewer are fine-tuned; 0: none are"
    )
    seed: int = Field(default=0, ge=0, description="of initial weights, order of examples and dropout")
