"""Where real recordings are, for the tests that need them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluators.training.threads import one_thread

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    given = os.environ.get("TINYPARETO_DATA")
    folder = Path(given).expanduser() if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings: set TINYPARETO_DATA")
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only lose by a second thread."""
    with one_thread():
        yield
