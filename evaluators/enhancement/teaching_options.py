"""What a study says of the teacher of a training; free of torch, which is slow to import."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from evaluators.speech.data_options import AnyPath, resolved
from evaluators.training.options import UpdateOptions

TEACHING = frozenset({"teacher", "teacher_weight"})
"""These options."""


class TeachingOptions(UpdateOptions):
    """Options of a training that may have a teacher."""

    teacher: AnyPath | None = Field(
        default=None,
        description="weights of nsNet2 (.npz) or a folder that `nsnet2_exits` exported; its last masks are learned too",
    )
    teacher_weight: float = Field(
        default=0.5, ge=0.0, le=1.0, description="of the teacher's masks; the rest is that of the clean speech"
    )

    def resolved(self, folder: Path) -> Self:
        """The same with the path as it is used, a relative one starting from `folder` if it exists there."""
        return self.model_copy(update={"teacher": self.teacher and resolved(self.teacher, folder)})
