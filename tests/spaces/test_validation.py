"""What pydantic finds, in words that people can act on."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from spaces import Options, problems_of


class Inner(Options):
    size: int = Field(default=4, ge=1, le=8)


class Outer(Options):
    name: Literal["fast", "small"] = "fast"
    rate: float = Field(default=0.5, gt=0, description="learning rate")
    needed: int = Field(description="number of layers")
    inner: Inner = Inner()
    task: str | Inner = "digits"
    label: str = ""

    @field_validator("label")
    @classmethod
    def _is_lower(cls, label: str) -> str:
        if label != label.lower():
            raise ValueError("must be in lower case")
        return label


def told(data: dict[Any, Any]) -> list[tuple[str, str, str, str]]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"needed": 1, **data})
    return [(p.dotted(), p.message, p.allowed, p.suggestion) for p in problems_of(caught.value, Outer)]


@pytest.mark.parametrize(
    ("data", "path", "message", "allowed", "suggestion"),
    [
        ({"rat": 1.0}, "rat", 'unknown key "rat"', "inner, label, name, needed, rate, task", "rate"),
        ({"Rate": 1.0}, "Rate", 'unknown key "Rate"', "inner, label, name, needed, rate, task", "rate"),
        ({"inner": {"sise": 1}}, "inner.sise", 'unknown key "sise"', "size", "size"),
        ({"name": "smal"}, "name", '"smal" is not known', "fast, small", "small"),
        ({"rate": 0}, "rate", "0 is not possible", "greater than 0", ""),
        ({"rate": "fast"}, "rate", '"fast" is not possible', "a number", ""),
        ({"rate": True}, "rate", "True is not possible", "a number", ""),
        ({"rate": float("inf")}, "rate", "inf is not possible", "a finite number", ""),
        ({"inner": {"size": 9}}, "inner.size", "9 is not possible", "less than or equal to 8", ""),
        ({"inner": {"size": 2.5}}, "inner.size", "2.5 is not possible", "a whole number", ""),
        ({"label": "Big"}, "label", "must be in lower case", "", ""),
        ({3: 1}, "3", 'unknown key "3"', "inner, label, name, needed, rate, task", ""),
        ({"inner": 3}, "inner", "3 is not possible", "a mapping", ""),
    ],
)
def test_a_complaint_is_told_in_words(
    data: dict[Any, Any], path: str, message: str, allowed: str, suggestion: str
) -> None:
    assert told(data) == [(path, message, allowed, suggestion)]


def test_a_missing_key_is_told_with_its_description() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({})
    (problem,) = problems_of(caught.value, Outer)
    assert (problem.path, problem.message, problem.allowed) == (("needed",), "is missing", "number of layers")


def test_of_a_union_only_the_branch_that_looked_inside_is_told() -> None:
    assert told({"task": {"size": "big"}}) == [("task.size", '"big" is not possible', "a whole number", "")]


def test_a_list_with_too_little_is_told() -> None:
    class Sized(Options):
        sizes: tuple[int, ...] = Field(min_length=2, strict=False)

    with pytest.raises(ValidationError) as caught:
        Sized.model_validate({"sizes": [1]})
    (problem,) = problems_of(caught.value, Sized)
    assert (problem.message, problem.allowed) == ("[1] is not possible", "at least 2 of them")


def test_keys_that_are_allowed_beside_the_model_are_told() -> None:
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({"sede": 1})
    (problem,) = problems_of(caught.value, Inner, also=("name", "seed"))
    assert (problem.allowed, problem.suggestion) == ("name, seed, size", "seed")


def test_every_complaint_is_told_once() -> None:
    found = told({"rate": -1, "name": "x", "inner": {"size": 0}, "bogus": 1})
    assert sorted(path for path, *_ in found) == ["bogus", "inner.size", "name", "rate"]


def test_a_long_value_is_cut_short() -> None:
    ((_, message, _, _),) = told({"rate": "x" * 1000})
    assert len(message) < 100
    assert message.endswith("... is not possible")
