"""Turns what pydantic says about a section of a study file into problems that people can act on."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from spaces.problems import Path, Problem, nearest, shown, unknown


class Options(BaseModel):
    """Base of every section of a study file: unknown keys are errors, types are not guessed, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


_WISHES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
"""Pydantic's wrong types in the words of a study file."""


def problems_of(error: ValidationError, model: type[BaseModel], also: Sequence[str] = ()) -> list[Problem]:
    """Every complaint of `error` about an input for `model`, with what is allowed and the nearest match.

    Args:
        error: What pydantic said.
        model: What the input was for.
        also: Keys of the section that are not the model's, but allowed beside its own.
    """
    found: dict[tuple[Path, str], Problem] = {}
    wrong_types: list[tuple[Path, str]] = []
    for item in error.errors():
        problem = _problem(item, model, also)
        found.setdefault((problem.path, problem.message), problem)
        if item["type"] in _WISHES:
            wrong_types.append((problem.path, problem.message))
    # Where one branch of a union looked inside the value, it does not matter that another one wanted another type.
    for path, message in wrong_types:
        if any(deeper[: len(path)] == path and len(deeper) > len(path) for deeper, _ in found):
            found.pop((path, message), None)
    return list(found.values())


def _problem(item: Mapping[str, Any], model: type[BaseModel], also: Sequence[str]) -> Problem:
    path: Path = tuple(part for part in item["loc"] if not _is_union_branch(part))
    given, context = item["input"], item.get("ctx", {})
    match item["type"]:
        case "extra_forbidden" | "invalid_key":
            key = str(item["loc"][-1])
            parents = path[:-1] if path[-1:] == item["loc"][-1:] else path
            return unknown((*parents, key), "key", key, _keys_beside(parents, model, also))
        case "missing":
            return Problem(path, "is missing", _description(path, model))
        case "literal_error" | "enum":
            choices = [part.strip(" '") for part in context["expected"].replace(" or ", ", ").split(",")]
            return Problem(path, f"{shown(given)} is not known", ", ".join(choices), nearest(str(given), choices))
        case "too_short":
            return Problem(path, f"{shown(given)} is not possible", f"at least {context['min_length']} of them")
        case "value_error":
            return Problem(path, str(context.get("error", item["msg"])))
        case _:
            wish = _WISHES.get(item["type"], item["msg"].removeprefix("Input should be "))
            return Problem(path, f"{shown(given)} is not possible", wish)


def _is_union_branch(part: str | int) -> bool:
    """Pydantic names the branch of a union it tried in the path; the document has no such key."""
    return isinstance(part, str) and (part in {"str", "int", "float", "bool"} or "[" in part or part[:1].isupper())


def _keys_beside(parents: Path, model: type[BaseModel], also: Sequence[str]) -> list[str]:
    """The keys that are allowed under `parents`."""
    if not parents:
        return [*also, *model.model_fields]
    for key in parents:
        if isinstance(key, int):
            continue
        inner = _model_in(model.model_fields[key].annotation) if key in model.model_fields else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _description(path: Path, model: type[BaseModel]) -> str:
    field = model.model_fields.get(str(path[-1])) if len(path) == 1 else None
    return field.description or "" if field else ""


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, tuple):
        return next((m for a in typing.get_args(annotation) if (m := _model_in(a)) is not None), None)
    return None
