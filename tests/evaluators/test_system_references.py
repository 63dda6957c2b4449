"""References of a user's own system: optional, and checked."""

from __future__ import annotations

from typing import Any

import pytest

from evaluators.contract import CompleteSystem
from evaluators.errors import SystemContractError
from evaluators.references import HasReferences, Reference
from evaluators.system import Measurement


def system(answer: Any = None) -> CompleteSystem:
    members: dict[str, Any] = {
        "knobs": lambda self: {"bit_widths": {"a": [2, 4]}},
        "evaluate": lambda self, configurations, split, fidelity: [],
    }
    if answer is not None:
        members["references"] = lambda self, split: answer
    return CompleteSystem(type("User", (), members)(), "my:SYSTEM")


def test_there_need_be_none() -> None:
    assert isinstance(system(), HasReferences)
    assert system().references("test") == []


def test_they_are_taken_over() -> None:
    reference = Reference("nothing", Measurement({"accuracy": 0.5}), {"macs": 0})
    assert system([reference]).references("test") == [reference]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (3, "references must return a list of references, got int 3"),
        ({"a": 1}, "references must return a list of references"),
        ([3], "references must return Reference objects with a label, got int 3"),
        ([Reference("", Measurement({}))], "references must return Reference objects with a label"),
        ([Reference("a", Measurement({"acuracy": 1}))], "references returned the metric 'acuracy'"),
        ([Reference("a", Measurement({"accuracy": "x"}))], "references metrics 'accuracy' must be a number"),
        ([Reference("a", Measurement({"accuracy": float("nan")}))], "references 'accuracy' of 'a' must be finite"),
        ([Reference("a", Measurement({}), {"macs": float("inf")})], "references 'macs' of 'a' must be finite"),
        ([Reference("a", Measurement({}), 3)], "references costs of 'a' must be a mapping, got int 3"),
        ([Reference("a", Measurement({}, clips=3))], "references clips must be a list"),
    ],
)
def test_what_is_wrong_is_told(answer: Any, told: str) -> None:
    with pytest.raises(SystemContractError, match=told):
        system(answer).references("test")
