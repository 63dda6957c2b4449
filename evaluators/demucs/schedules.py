"""Schedules: a utilization factor for every block, in the order in which the blocks run."""

from __future__ import annotations

from collections.abc import Sequence

from evaluators.demucs.shape import DemucsShape
from evaluators.errors import EvaluationError
from spaces import Choices, Configuration, Knob, KnobGroup

UFS = "uf_schedules"
Schedule = tuple[float, ...]
"""Of the blocks from `encoder1` down and up again to `decoder1`."""


def schedule_knobs(shape: DemucsShape) -> dict[str, KnobGroup]:
    """A utilization factor for every block; the largest is the default."""
    return {UFS: dict.fromkeys(shape.blocks, Knob(Choices(shape.ufs), shape.ufs[-1]))}


def schedule_of(configuration: Configuration, shape: DemucsShape) -> Schedule:
    """What a configuration amounts to."""
    return tuple(float(configuration[f"{UFS}.{block}"]) for block in shape.blocks)


def uniform(shape: DemucsShape, uf: float) -> Schedule:
    """The same factor in all blocks."""
    return (uf,) * len(shape.blocks)


def check_schedule(shape: DemucsShape, schedule: Sequence[float]) -> None:
    """Whether a network can be sliced by a schedule.

    Raises:
        EvaluationError: If it is of the wrong length or has a factor outside (0, 1].
    """
    blocks = shape.blocks
    if len(schedule) != len(blocks):
        raise EvaluationError(
            f"a schedule of {len(schedule)} utilization factors for a network of {len(blocks)} blocks: "
            f"{', '.join(blocks)}"
        )
    for block, uf in zip(blocks, schedule, strict=True):
        if not 0 < uf <= 1:
            raise EvaluationError(f"{block}: utilization factor {uf:g} is not above 0 and at most 1")
