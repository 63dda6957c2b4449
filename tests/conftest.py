"""What all tests share: a cache of their own, and patience on busy machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The folders of the tests have the names of the packages; the packages come first, also for a bare `pytest`.
sys.path.insert(0, str(Path(__file__).parents[1]))

# How long an example takes says nothing on a machine that others use, too.
settings.register_profile("tinypareto", deadline=None)
settings.load_profile("tinypareto")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests, and the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYPARETO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TINYPARETO_CACHE", str(folder))
    return folder
