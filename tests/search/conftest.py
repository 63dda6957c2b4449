"""Toy studies to carry out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_studies import toy_study

from search import Study
from search.run import Run


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the report, which takes longer than the runs of these tests."""
    monkeypatch.setattr(Run, "write_report", lambda run: run.directory.report)


@pytest.fixture
def make_study(tmp_path: Path, cache: Path, no_report: None) -> Callable[..., Study]:
    """Makes toy studies that keep to the test's own folder and cache."""

    def make(system: dict[str, Any] | None = None, **sections: Any) -> Study:
        return toy_study(tmp_path, system, **sections)

    return make
