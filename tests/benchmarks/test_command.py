"""Commands are run as a user runs them, and what they took is what the system says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.command import Taken, measure


def test_a_command_takes_time_processor_and_memory(tmp_path: Path) -> None:
    taken = measure(["list", "systems"], tmp_path)

    assert taken.processor_seconds > 0
    assert taken.seconds > 0
    assert taken.peak_mib > 10


def test_cores_are_processor_seconds_in_a_second() -> None:
    assert Taken(seconds=10.0, processor_seconds=15.0, peak_mib=100.0).cores == 1.5


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"list nothing_such ended with 2"):
        measure(["list", "nothing_such"], tmp_path)
