"""The arithmetic of the table of slimmable DEMUCS."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.demucs_table import Found, gains, line


def _found(macs: float, *clips: float) -> Found:
    return Found(f"{macs:g}", macs, {"pesq": np.array(clips)})


STAIRCASE = [_found(100, 1.0, 2.0), _found(200, 2.0, 2.0), _found(400, 4.0, 2.0)]


@pytest.mark.parametrize(
    ("macs", "expected"), [(50, [1, 2]), (100, [1, 2]), (150, [1.5, 2]), (300, [3, 2]), (400, [4, 2]), (500, [4, 2])]
)
def test_the_line_lies_between_the_steps_on_either_side(macs: float, expected: list[float]) -> None:
    np.testing.assert_allclose(line(STAIRCASE, "pesq", macs), expected)


def test_a_staircase_gains_nothing_over_itself() -> None:
    found = gains(STAIRCASE, STAIRCASE, "pesq", 1.0)
    assert found["volume"] == 0.0
    assert found["volume_se"] == 0.0
    # Means 1.5, 2, 3: a line rises between the steps, where the staircase is flat.
    assert found["height"] < 0


def test_gains_by_hand() -> None:
    alike = [_found(100, 1.0, 1.0), _found(300, 2.0, 2.0)]
    front = [*alike, _found(200, 2.0, 2.0)]
    # Above 0.5, up to 303: the staircase dominates 200 * 0.5 + 3 * 1.5 = 104.5, the front 100 more.
    found = gains(front, alike, "pesq", 0.5)
    assert found["volume"] == pytest.approx(100 / 104.5)
    assert found["volume_se"] == pytest.approx(0.0, abs=1e-9)  # the clips are alike
    assert found["n"] == 3
