"""Tables of single clips: what they hold, rounded, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evaluators.clip_tables import checked_clips


def test_numbers_are_plain_and_rounded() -> None:
    rows = [{"clip": "a", "pesq": np.float32(1.23456), "stoi": None, "reasons": "stoi: too short"}]
    (row,) = checked_clips(rows)
    assert row == {"clip": "a", "pesq": 1.2346, "stoi": None, "reasons": "stoi: too short"}
    assert type(row["pesq"]) is float
    assert checked_clips([row]) == (row,), "what was checked stays as it is"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("abc", "must be a list with one row a clip, got str"),
        ({"clip": "a"}, "must be a list with one row a clip, got dict"),
        (3, "must be a list with one row a clip, got int"),
        ([3], 'the name of the clip under "clip"'),
        ([{"pesq": 1.0}], 'the name of the clip under "clip"'),
        ([{"clip": 4}], 'the name of the clip under "clip"'),
        ([{"clip": "a", "pesq": float("nan")}], "pesq of clip 'a' must be a finite number or None, got nan"),
        ([{"clip": "a", "pesq": "1.0"}], "pesq of clip 'a' must be a finite number or None"),
        ([{"clip": "a", "pesq": True}], "pesq of clip 'a' must be a finite number or None"),
        ([{"clip": "a", "reasons": 1}], "reasons of clip 'a' must be a text, got 1"),
    ],
)
def test_what_is_no_table_is_refused(rows: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checked_clips(rows)
