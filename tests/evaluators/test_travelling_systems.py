"""A prepared system can be sent to another process and measures the same there."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluators.registry import create_system
from evaluators.system import Context
from spaces import build_space

PROGRAM = """
import pickle, sys
system = pickle.load(sys.stdin.buffer)
configurations = pickle.load(sys.stdin.buffer)
pickle.dump((system.fingerprint(), list(system.evaluate(configurations, "validation", 0.5))), sys.stdout.buffer)
"""


@pytest.mark.parametrize(
    ("name", "options", "largest_bytes"),
    [
        ("gru_classifier", {"hidden": 8, "training": {"epochs": 1}}, 900_000),
        pytest.param(
            "nsnet2_exits",
            {
                "fc1_units": 8,
                "gru_units": 8,
                "fc2_units": 8,
                "training": {"epochs": 1, "updates_per_epoch": 2},
                "scores": ["si_sdr_db"],
            },
            60_000_000,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_prepared_system_measures_the_same_in_another_process(
    name: str, options: dict[str, Any], largest_bytes: int, cache: Path
) -> None:
    system = create_system(name, options, Path())
    system.prepare(Context(cache))
    space, _ = build_space({}, system.knobs())
    assert space is not None
    configurations = [space.defaults]
    expected = (system.fingerprint(), list(system.evaluate(configurations, "validation", 0.5)))
    content = pickle.dumps(system)
    assert len(content) < largest_bytes
    words = [sys.executable, "-c", PROGRAM]
    sent = subprocess.run(words, input=content + pickle.dumps(configurations), capture_output=True, check=True)
    assert pickle.loads(sent.stdout) == expected
