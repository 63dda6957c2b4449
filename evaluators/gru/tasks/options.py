"""What the options of all tasks have in common, and how the folders in them are found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from evaluators.gru.tasks.errors import DataError
from evaluators.storage import DATA_VARIABLE, data_root
from spaces import Options

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
AnyPath = Annotated[Path, Field(strict=False)]
"""A path that may be written as text."""


class TaskOptions(Options):
    """Options of a task."""

    split_seed: int = Field(default=0, ge=0, description="chooses which examples go to which split, and their order")

    def resolved(self, folder: Path) -> Self:
        """The same options, relative paths in them starting from `folder`."""
        paths = {name: value for name, value in self if isinstance(value, Path)}
        return self.model_copy(update={name: folder / path.expanduser() for name, path in paths.items()})


class FolderOptions(TaskOptions):
    """Options of a task whose data lie in a folder."""

    root: AnyPath | None = Field(
        default=None, description=f"folder of the data; default: a subfolder of {DATA_VARIABLE}"
    )


def find_folder(root: Path | None, subfolder: str) -> Path:
    """The folder of a data set.

    Args:
        root: What the user chose, if anything.
        subfolder: Where it lies in `TINYPARETO_DATA` otherwise.

    Raises:
        DataError: If neither is given, or the folder does not exist.
    """
    advice = f"Set `root` of the task to the folder of the data, or {DATA_VARIABLE} to the folder above {subfolder}"
    shared = data_root()
    if root is None and shared is None:
        raise DataError(f"no folder given for {subfolder}", advice=advice)
    folder = root if root is not None else shared / subfolder if shared is not None else Path()
    if not folder.is_dir():
        raise DataError("there is no such folder", where=folder, advice=advice)
    return folder
