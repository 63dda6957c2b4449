"""The sweep file as validated values: a grid of settings, each cell of which is a whole study."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from search.document import Document, read_document
from search.errors import SpecError
from search.ray_cluster import check_address
from search.study import Study
from spaces import Options, Problem, problems_of

STUDY = "study"
"""Axis of the study files."""
_SAFE = re.compile(r"[^A-Za-z0-9_.=-]+")


class SweepOptions(Options):
    """The keys of a sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", description="also the name of its directory")
    study: str | list[str] = Field(description="study file, or several; paths start from the sweep file")
    grid: dict[str, Any] = Field(min_length=1, description="key of the study -> the values it takes in turn")
    set: dict[str, Any] = Field(default={}, description="key of the study -> its value in all of them")
    storage: str = Field(default="", description="folder or URI that all machines reach; none: runs/sweeps/NAME")
    parallel: int | None = Field(default=None, ge=1, description="studies at a time; none: as many as have room")
    cpus: float = Field(default=1.0, gt=0, description="cores of each study, and its worker processes")
    gpus: float = Field(default=0.0, ge=0, description="GPUs of each study")
    retries: int = Field(default=1, ge=0, le=10, description="further attempts at a study that failed; it is resumed")
    address: str | None = Field(default=None, description="of the Ray cluster, as in a study's executor")
    connect_s: float = Field(default=20.0, gt=0, description="seconds to wait for the cluster")
    dashboard: bool = Field(default=False, description="show Ray's dashboard, on the loopback interface")

    @field_validator("address")
    @classmethod
    def _address_is_one(cls, value: str | None) -> str | None:
        return value if value is None else check_address(value)


@dataclass(frozen=True)
class Cell:
    """One study of the grid.

    Attributes:
        name: Of its run directory; unique in the sweep.
        settings: Key -> value, of every axis of the grid.
        study: Checked.
    """

    name: str
    settings: Mapping[str, Any]
    study: Study

    @property
    def group(self) -> dict[str, Any]:
        """The settings without the seed: what runs share that differ by chance only."""
        return {key: value for key, value in self.settings.items() if not is_seed(key)}


@dataclass(frozen=True)
class Sweep:
    """A checked sweep.

    Attributes:
        options: What is written.
        cells: The studies, the last axis running fastest.
    """

    options: SweepOptions
    cells: tuple[Cell, ...]

    @classmethod
    def from_yaml(cls, path: Path | str, overrides: Sequence[str] = ()) -> Sweep:
        """Read a sweep file and check every study of it.

        Args:
            path: The file.
            overrides: Assignments to its keys, such as `parallel=2` or `set.budget.trials=50`.

        Raises:
            SpecError: With every problem found, each with its line in the sweep file.
        """
        document = read_document(Path(path))
        for assignment in overrides:
            document.override(assignment)
        options = _options(document)
        axes = _axes(options, document)
        cells, problems = [], list[Problem]()
        for values in itertools.product(*axes.values()):
            settings = dict(zip(axes, values, strict=True))
            try:
                cells.append(_cell(settings, options, document))
            except SpecError as error:
                problems += _problems_in_sweep(error, settings)
        if problems:
            raise SpecError(list(dict.fromkeys(problems)), document.where)
        return cls(options, tuple(_uniquely_named(cells)))


def is_seed(key: str) -> bool:
    """Whether runs that differ in it differ by chance only."""
    return key.rpartition(".")[2] == "seed"


def _options(document: Document) -> SweepOptions:
    try:
        return SweepOptions.model_validate(document.data)
    except ValidationError as error:
        raise SpecError(problems_of(error, SweepOptions), document.where) from error


def _axes(options: SweepOptions, document: Document) -> dict[str, list[Any]]:
    studies = [options.study] if isinstance(options.study, str) else list(options.study)
    axes: dict[str, list[Any]] = {STUDY: studies} if len(studies) > 1 else {}
    problems = [Problem(("study",), "names no file")] if not studies else []
    for key, values in _flat(options.grid):
        if not isinstance(values, list) or not values:
            problems.append(Problem(("grid", key), "must be a list with at least one value", "e.g. [0, 1, 2]"))
        else:
            axes[key] = values
        if key.partition(".")[0] in ("name", "executor"):
            problems.append(Problem(("grid", key), "cannot be an axis: it does not change a result"))
    if problems:
        raise SpecError(problems, document.where)
    return axes


def _cell(settings: Mapping[str, Any], options: SweepOptions, document: Document) -> Cell:
    file = settings.get(STUDY, options.study)
    path = document.path.parent / str(file)
    assigned = {**dict(_flat(options.set)), **{k: v for k, v in settings.items() if k != STUDY}}
    study = Study.from_yaml(path, [f"{key}={json.dumps(value)}" for key, value in assigned.items()])
    parts = [_part(key.rpartition(".")[2], value) for key, value in settings.items()]
    return Cell(_SAFE.sub("-", "-".join(parts))[:120], settings, study)


def _problems_in_sweep(error: SpecError, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems of a cell, at the line of the sweep that is their reason, else at the study's own."""
    for problem in error.problems:
        dotted = problem.dotted()
        place = error.where(problem.path) if error.where else ""
        key = next((k for k in settings if place == f"--set {k}" or dotted == k or dotted.startswith(f"{k}.")), None)
        if key is not None:
            yield Problem(("grid", key), _told(problem, dotted, key), problem.allowed, problem.suggestion)
        elif place.startswith("--set "):
            at = ("set", place.removeprefix("--set "))
            yield Problem(at, _told(problem, dotted, at[1]), problem.allowed, problem.suggestion)
        else:
            text = f"{place}  {dotted}: {problem.message}" if place else problem.message
            yield Problem(("study",), text, problem.allowed, problem.suggestion)


def _told(problem: Problem, dotted: str, key: str) -> str:
    return problem.message if dotted in ("", key) else f"{dotted}: {problem.message}"


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys, however deep they were written."""
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _part(key: str, value: Any) -> str:
    return Path(str(value)).stem if key in ("name", STUDY) else f"{key}={value}"


def _uniquely_named(cells: Sequence[Cell]) -> Iterator[Cell]:
    names = [cell.name for cell in cells]
    for index, cell in enumerate(cells):
        yield Cell(f"{cell.name}+{index}", cell.settings, cell.study) if names.count(cell.name) > 1 else cell
