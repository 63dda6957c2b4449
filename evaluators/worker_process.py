"""Whether this process is one of several that evaluate: it then leaves the other cores to its siblings."""

from __future__ import annotations

import multiprocessing
import os

_VARIABLE = "TINYPARETO_WORKER"


def mark_as_worker() -> None:
    """Say so for this process and those it starts: only workers of `multiprocessing` can be told without."""
    os.environ[_VARIABLE] = "1"


def is_worker() -> bool:
    """Whether it is one."""
    return multiprocessing.parent_process() is not None or _VARIABLE in os.environ
