"""The search: study files, optimizers, the loop, records, reports, export and the command line.

>>> from search import Study
>>> study = Study.from_yaml("studies/gru_bits.yaml")  # doctest: +SKIP
>>> run = study.run()  # doctest: +SKIP
>>> run.front()["hypervolume"]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.run import Run
    from search.study import Study

__all__ = ["Run", "Study"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a worker process needs neither."""
    if name == "Study":
        from search.study import Study

        return Study
    if name == "Run":
        from search.run import Run

        return Run
    raise AttributeError(name)
