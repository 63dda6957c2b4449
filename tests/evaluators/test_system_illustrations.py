"""Illustrations of a user's own system: optional, and checked."""

from __future__ import annotations

from typing import Any

import pytest

from evaluators.contract import CompleteSystem
from evaluators.errors import SystemContractError
from evaluators.illustrations import Illustrated, Predictions, Sound, Steps


def system(answer: Any = None) -> CompleteSystem:
    members: dict[str, Any] = {
        "knobs": lambda self: {"bit_widths": {"a": [2, 4]}},
        "evaluate": lambda self, configurations, split, fidelity: [],
    }
    if answer is not None:
        members["illustrate"] = lambda self, configurations: answer
    return CompleteSystem(type("User", (), members)(), "my:SYSTEM")


def test_there_need_be_none() -> None:
    assert isinstance(system(), Illustrated)
    assert system().illustrate([{"bit_widths.a": 2}]) == ()


def test_they_are_taken_over() -> None:
    shown = [Sound("clip", "noisy", b"", "wav"), Sound("clip", "", b"", "flac", 0), Steps("t", "ab", [0, 1], 16, 0)]
    shown.append(Predictions("t", "q", [1.0, 2.0], [1, 2], ["a", "b"], 0))
    assert system(shown).illustrate([{"bit_widths.a": 2}]) == shown


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (3, "must return a list of illustrations, got int 3"),
        ([3], "must return Sound, Steps and Predictions objects of the 1 configurations, got int"),
        ([Sound("a", "", "text", "wav")], "must return Sound, Steps and Predictions objects"),
        ([Sound("a", "", b"", "mp3")], "must return Sound, Steps and Predictions objects"),
        ([Sound("a", "", b"", "wav", 1)], "must return Sound, Steps and Predictions objects"),
        ([Steps("t", ["a"], [0], 16, 1)], "must return Sound, Steps and Predictions objects"),
        ([Steps("t", ["a"], [1], 16, 0)], "returned steps whose values are no positions"),
        ([Steps("t", ["a"], [], 16, 0)], "returned steps whose values are no positions"),
        ([Steps("t", ["a"], [0], 0, 0)], "returned steps whose values are no positions"),
        ([Predictions("t", "q", [1.0], [1.0], ["a"], 1)], "must return Sound, Steps and Predictions objects"),
        ([Predictions("t", "q", [1.0], [1.0, 2.0], ["a"], 0)], "returned predictions without a finite true"),
        ([Predictions("t", "q", [1.0], [float("nan")], ["a"], 0)], "returned predictions without a finite true"),
        ([Predictions("t", "q", [], [], [], 0)], "returned predictions without a finite true"),
    ],
)
def test_what_is_wrong_is_told(answer: Any, told: str) -> None:
    with pytest.raises(SystemContractError, match=f"illustrate {told}"):
        system(answer).illustrate([{"bit_widths.a": 2}])
