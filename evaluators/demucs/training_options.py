"""How a slimmable DEMUCS and its routers are trained, as a study says it; free of torch, which is slow to import."""

from __future__ import annotations

from pydantic import Field

from evaluators.training.options import UpdateOptions


class TrainingOptions(UpdateOptions):
    """How a network is trained: with all its utilization factors first, then with a router for every target."""

    epochs: int = Field(default=30, ge=1, description="of the backbone; times that a checkpoint is written")
    router_epochs: int = Field(default=4, ge=1, description="of the router alone, on the backbone as it is")
    joint_epochs: int = Field(default=4, ge=1, description="of router and backbone, from there on")
    batch_size: int = Field(
        default=8, ge=4, description="examples per update, each heard once; a quarter for each of four schedules"
    )
    learning_rate: float = Field(default=0.002, gt=0.0, description="peak of the learning rate, for the backbone")
    router_learning_rate: float = Field(default=0.005, gt=0.0, description="the same for the router alone")
    joint_learning_rate: float = Field(default=0.0005, gt=0.0, description="the same for router and backbone")
    gradient_clip: float = Field(default=1.0, gt=0.0, description="largest norm of a gradient")
    spectral_weight: float = Field(
        default=0.2, ge=0.0, description="of the multi-resolution spectral loss, beside that of the waveform"
    )
    temperature: float = Field(default=1.0, gt=0.0, description="of the Gumbel-softmax")
