"""The guided search in the loop of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search import Study

MakeStudy = Callable[..., Study]


@pytest.mark.parametrize("trials", [1, 9])
def test_budgets_smaller_than_the_start_design_are_kept_to(make_study: MakeStudy, tmp_path: Path, trials: int) -> None:
    run = make_study(optimizer="guided", budget={"trials": trials}).run(tmp_path / "run", quiet=True)
    assert len([r for r in run.records() if r.split == "validation"]) == trials
