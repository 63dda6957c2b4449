"""What a study says of any training by updates; free of torch, which is slow to import."""

from __future__ import annotations

from pydantic import Field

from spaces import Options


class UpdateOptions(Options):
    """Length and optimizer of a training; each network adds its own."""

    epochs: int = Field(default=20, ge=1, description="times that a checkpoint is written")
    updates_per_epoch: int = Field(default=40, ge=1, description="updates of the weights between two checkpoints")
    batch_size: int = Field(default=16, ge=1, description="examples per update; every example is heard once")
    learning_rate: float = Field(default=0.005, gt=0.0, description="peak of the learning rate")
    weight_decay: float = Field(default=0.0, ge=0.0, description="of AdamW")
    gradient_clip: float = Field(default=1.0, gt=0.0, description="largest norm of a gradient")
    seed: int = Field(default=0, ge=0, description="of initial weights and of all that is drawn")
