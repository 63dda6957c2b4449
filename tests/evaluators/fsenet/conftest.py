"""One thread: networks this small only lose by a second one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evaluators.training.threads import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield
