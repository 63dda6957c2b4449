"""The table of tasks: every one can be described, configured and refused alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from evaluators.gru.tasks import TASKS

MINIMAL: dict[str, dict[str, object]] = {"npz": {"file": "mine.npz"}}


@pytest.mark.parametrize("name", TASKS)
def test_tasks_and_their_options_are_described(name: str) -> None:
    assert TASKS[name].description
    assert all(field.description for field in TASKS[name].options.model_fields.values())


@pytest.mark.parametrize("name", TASKS)
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        TASKS[name].options(**MINIMAL.get(name, {}), epochs=3)


@pytest.mark.parametrize("name", TASKS)
def test_options_survive_the_way_through_json(name: str) -> None:
    options = TASKS[name].options(**MINIMAL.get(name, {}))
    assert TASKS[name].options(**options.model_dump(mode="json")) == options


def test_relative_paths_start_from_a_folder(tmp_path: Path) -> None:
    assert TASKS["npz"].options(file="mine.npz").resolved(tmp_path).model_dump()["file"] == tmp_path / "mine.npz"
    options = TASKS["mnist_rows"].options(root="../data")
    assert options.resolved(tmp_path).model_dump()["root"] == tmp_path / "../data"
    absolute = TASKS["mnist_rows"].options(root=tmp_path)
    assert absolute.resolved(Path("/elsewhere")) == absolute
    unset = TASKS["mnist_rows"].options()
    assert unset.resolved(tmp_path) == unset
