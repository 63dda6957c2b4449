"""Systems by name and by import path."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evaluators.errors import SystemSpecError
from evaluators.metrics import METRICS
from evaluators.registry import SYSTEMS, create_system

MODULE = """
class Scaled:
    def __init__(self, scale, offset=0):
        self.scale = int(scale) / (offset - 13)

    def knobs(self):
        return {"bit_widths": {"a": [2, 4]}}

    def evaluate(self, configurations, split, fidelity=1.0):
        return [{"error_rate": self.scale} for _ in configurations]


class Anything(Scaled):
    def __init__(self, **options):
        super().__init__(options.get("scale", 1))


def factory(scale=2):
    return Scaled(scale)


class Incomplete:
    def knobs(self):
        return {"bit_widths": {"a": [2, 4]}}


READY = Scaled(1)
NUMBER = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module with systems of a user's own."""
    (tmp_path / "own_systems.py").write_text(MODULE)
    (tmp_path / "broken_syntax.py").write_text("def f(:\n")
    (tmp_path / "broken_import.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_systems", raising=False)
    return "own_systems"


def told(name: str, options: Mapping[Any, Any]) -> list[tuple[str, str, str, str]]:
    with pytest.raises(SystemSpecError) as caught:
        create_system(name, options, Path())
    return [(p.dotted(), p.message, p.allowed, p.suggestion) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("attribute", "options", "value"),
    [
        ("Scaled", {"scale": 26}, -2.0),
        ("Scaled", {"scale": 12, "offset": 1}, -1.0),
        ("Anything", {"scale": 26, "other": 1}, -2.0),
        ("factory", {}, -2 / 13),
        ("READY", {}, -1 / 13),
    ],
)
def test_a_class_a_function_or_an_object_will_do(
    own: str, attribute: str, options: Mapping[str, Any], value: float
) -> None:
    system = create_system(f"{own}:{attribute}", options, Path())
    assert system.evaluate([{}], "validation")[0].metrics["error_rate"] == value


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    ((path, message, allowed, suggestion),) = told("gru_clasifier", {})
    assert (path, message, suggestion) == ("name", 'unknown system "gru_clasifier"', "gru_classifier")
    assert allowed == ", ".join(sorted([*SYSTEMS, "package.module:SYSTEM"]))


@pytest.mark.parametrize("name", ["own_systems:", ":Scaled", "own-systems:Scaled", "own_systems:Scaled.x", "a:b:c"])
def test_what_is_no_import_path_is_told(name: str) -> None:
    assert told(name, {}) == [("name", f'"{name}" is not an import path', "package.module:ATTRIBUTE", "")]


def test_a_module_that_is_not_there_is_told() -> None:
    assert told("surely_not_there:X", {}) == [
        (
            "name",
            "cannot import \"surely_not_there\": No module named 'surely_not_there'",
            "a module in the current folder, or an installed one",
            "",
        )
    ]


def test_a_module_that_cannot_be_imported_is_told_with_its_reason(own: str) -> None:
    assert told("broken_import:X", {})[0][1] == (
        "cannot import \"broken_import\": No module named 'surely_not_installed'"
    )
    assert told("broken_syntax:X", {})[0][1].startswith('importing "broken_syntax" raised SyntaxError: ')


def test_an_attribute_that_is_not_there_is_told_with_the_nearest(own: str) -> None:
    assert told(f"{own}:Scale", {}) == [("name", 'module "own_systems" has no "Scale"', "", "Scaled")]


@pytest.mark.parametrize(
    ("attribute", "options", "expected"),
    [
        ("Scaled", {"scal": 1}, [("scal", 'unknown key "scal"', "offset, scale", "scale")]),
        ("Scaled", {}, [("", "\"own_systems:Scaled\": missing a required argument: 'scale'", "scale, offset", "")]),
        ("Scaled", {"scale": 1, 3: 1}, [("3", 'unknown key "3"', "offset, scale", "")]),
        ("READY", {"scale": 1}, [("scale", '"own_systems:READY" is an object and takes no options', "", "")]),
        (
            "Scaled",
            {"scale": "x"},
            [("", "\"own_systems:Scaled\" raised ValueError: invalid literal for int() with base 10: 'x'", "", "")],
        ),
        (
            "Scaled",
            {"scale": 1, "offset": 13},
            [("", '"own_systems:Scaled" raised ZeroDivisionError: division by zero', "", "")],
        ),
        (
            "Incomplete",
            {},
            [
                (
                    "name",
                    "own_systems:Incomplete: evaluate is missing; a system needs at least knobs and evaluate",
                    "",
                    "",
                )
            ],
        ),
        (
            "NUMBER",
            {},
            [("name", "own_systems:NUMBER: knobs is missing; a system needs at least knobs and evaluate", "", "")],
        ),
    ],
)
def test_options_that_do_not_fit_are_told(
    own: str, attribute: str, options: Mapping[Any, Any], expected: list[tuple[str, str, str, str]]
) -> None:
    assert told(f"{own}:{attribute}", options) == expected


def test_metrics_by_name_know_their_direction() -> None:
    assert METRICS["error_rate"].direction == "min"
    assert METRICS["accuracy"].direction == "max"
