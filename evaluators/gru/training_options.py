"""How the float GRU is trained, as a study says it; free of torch, which is slow to import."""

from __future__ import annotations

from pydantic import Field

from spaces import Options


class Augmentation(Options):
    """How far each sequence may be changed; every change is drawn evenly from minus to plus its limit.

    Sequences are seen as images, steps by features, and are interpolated in between. Moving along the features makes
    sense where neighbouring features are neighbouring pixels or frequencies.
    """

    time_stretch: float = Field(default=0.0, ge=0.0, le=0.5, description="longer or shorter, by this share")
    time_shift: float = Field(default=0.0, ge=0.0, description="earlier or later, in steps")
    feature_shift: float = Field(default=0.0, ge=0.0, description="up or down, in features")
    slant: float = Field(default=0.0, ge=0.0, description="features moved per step, none in the middle of the sequence")
    equalizer: float = Field(
        default=0.0, ge=0.0, description="raised or lowered, smoothly along the features, in scaled units"
    )
    noise: float = Field(default=0.0, ge=0.0, description="standard deviation of noise on every value, in scaled units")

    @property
    def moves(self) -> bool:
        """Whether values move along time or features."""
        return any((self.time_stretch, self.time_shift, self.feature_shift, self.slant))


class TrainingOptions(Options):
    """How a network is trained."""

    epochs: int = Field(default=60, ge=1, description="passes over the train split")
    batch_size: int = Field(default=32, ge=1, description="sequences per update")
    learning_rate: float = Field(default=0.01, gt=0.0, description="peak of the learning rate")
    weight_decay: float = Field(default=0.05, ge=0.0, description="of AdamW, on matrices")
    gradient_clip: float = Field(default=1.0, gt=0.0, description="largest norm of a gradient")
    seed: int = Field(default=0, ge=0, description="of initial weights, order and changes of the sequences")
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="random changes of the training sequences"
    )
