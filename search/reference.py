"""The reference of the study file, written from the models that check it: `python -m search.reference`."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evaluators.registry import SYSTEMS
from search.optimizers import OPTIMIZERS
from search.racing import Racing
from search.spec import SECTIONS, Budget, ExecutorSpec
from spaces import KINDS

PAGE = Path("docs/study_file.md")

_INTRODUCTION = """\
# The study file

A study is one YAML file; `python -m search check STUDY` validates it and reports every mistake with its line.
This page is written by `python -m search.reference` from the models that do the checking.

| key | what it is for |
|---|---|
"""

_SPACE = """
## space

A mapping from kinds of knobs to one rule or a list of rules; the first rule that selects a knob holds, knobs that no
rule selects stay at their default. A pattern is matched against the whole name or any part of it that starts after a
dot: `input_*` selects `gru0.input_reset`.

| key of a rule | meaning |
|---|---|
| the selector (below) | a pattern or a list of patterns; default `"*"` |
| `choices` | values to choose from; numbers are ordered |
| `low`, `high` | instead of choices: an interval, for knobs that take one |

| kind | selector | what it sets |
|---|---|---|
"""

_OBJECTIVES = """
## objectives, constraints

Objectives are names of metrics and costs (`python -m search list metrics`); each knows whether less or more is better.
Constraints are texts such as `"peak_ram_bytes <= 16384"` or `"accuracy >= 0.9"`. Those on costs are checked before
anything is evaluated.
"""

_RACING = """
## racing

With `racing: {shares: [0.25]}` every candidate is measured on a quarter of the validation data first. Where a member of
the front so far costs no more and is better there by more than chance explains, the candidate sees no more data: its
trial is `pruned`, and the optimizer is told what all data would probably say (`estimated`): what the quarter said, plus
what the rest of the data changed for the winner. Baselines always see all data. Worth it where evaluations are dear.

"""


def study_reference() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION, *(f"| `{key}` | {text} |\n" for key, text in SECTIONS.items())]
    parts += [_SPACE, *(f"| `{k.name}` | `{k.selector}` | {k.description} |\n" for k in KINDS.values())]
    parts += [_OBJECTIVES, *_systems(), *_optimizers()]
    parts += ["\n## budget\n\n", *_table(Budget), _RACING, *_table(Racing)]
    parts += ["\n## executor\n\n", *_table(ExecutorSpec)]
    return "".join(parts)


def _systems() -> Iterator[str]:
    yield "\n## system\n\n`name` is one of the following, or `package.module:ATTRIBUTE` of your own.\n"
    for name, entry in SYSTEMS.items():
        module, _, attribute = entry.location.partition(":")
        loaded = importlib.import_module(module)
        yield f"\n### {name}\n\n{entry.description}\n\n"
        yield from _table(getattr(loaded, attribute).Options)
        for heading, model in getattr(loaded, "FURTHER_OPTIONS", {}).items():
            yield f"\n#### {heading}\n\n"
            yield from _table(model)


def _optimizers() -> Iterator[str]:
    yield "\n## optimizer\n\n`name`, `seed` (default 0), and the options of each:\n"
    for name, entry in OPTIMIZERS.items():
        yield f"\n### {name}\n\n{entry.description}\n\n"
        yield from _table(entry.options)


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | default | values | meaning |\n|---|---|---|---|\n"
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield f"| `{name}` | | a mapping, below | {field.description or ''} |\n"
        else:
            yield f"| `{name}` | {_default(field)} | {_values(field)} | {field.description or ''} |\n"
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield f"\nKeys of `{name}`:\n\n"
            yield from _table(inner)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "none" if field.default is None else f"`{field.default}`"


def _values(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(limit, key):g}"
        for limit in field.metadata
        for key, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if hasattr(limit, key)
    ]
    return ", ".join([_type_name(field.annotation), *bounds])


def _type_name(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if typing.get_origin(annotation) is dict:
        return "mapping"
    if arguments:
        names = dict.fromkeys(_type_name(a) for a in arguments if a is not type(None) and a is not Ellipsis)
        return " or ".join(name for name in names if name)
    words = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "dict": "mapping"}
    name = getattr(annotation, "__name__", "")
    return words.get(name, "path" if name == "Path" else name)


if __name__ == "__main__":
    PAGE.write_text(study_reference(), encoding="utf-8")
