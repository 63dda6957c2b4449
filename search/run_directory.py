"""The files of a run: the resolved study, facts about the run, and the journal; everything else follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from evaluators.metrics import Direction
from evaluators.storage import write_atomically
from search.constraints import Constraint, parse_constraint
from search.errors import RunError, SpecError
from search.journal import Replay, replay
from search.objectives import Objectives
from search.records import Mode


@dataclass(frozen=True)
class RunFacts:
    """What must be known to read a journal without the system that made it.

    Attributes:
        study: Name of the study.
        folder: Where relative paths in the study start from.
        objectives: Names, in order.
        directions: Objective -> `min` or `max`.
        constraints: As written.
        target: Hardware that cycles are for; empty for none.
        target_fingerprint: Identity of everything in the target that decides a cost.
        system: Name, fingerprint, and what the system says of itself.
        optimizer: Name and seed.
        versions: Packages and Python.
        mode: How the search asks.
        stopped: Why the search ended; empty as long as it has not.
    """

    study: str
    folder: str
    objectives: list[str]
    directions: dict[str, Direction]
    constraints: list[str]
    target: str
    system: dict[str, Any]
    optimizer: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    target_fingerprint: str = ""
    mode: Mode = "generations"
    stopped: str = ""

    def typed_objectives(self) -> Objectives:
        """The objectives with their directions."""
        return Objectives(tuple(self.objectives), self.directions)

    def typed_constraints(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(parse_constraint(text) for text in self.constraints)


class RunDirectory:
    """Paths of a run, and reading and writing of what is not the journal itself.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study = path / "study.yaml"
        self.facts = path / "facts.json"
        self.journal = path / "trials.jsonl"
        self.front_json = path / "front.json"
        self.front_csv = path / "front.csv"
        self.report = path / "report.html"
        self.illustrations = path / "clips"
        self.references = path / "references.json"
        self.exports = path / "export"

    @property
    def is_started(self) -> bool:
        """Whether a run has written here."""
        return self.study.exists() or self.journal.exists()

    def create(self) -> None:
        """Make the directory.

        Raises:
            RunError: If that is not possible.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def write_study(self, resolved: Mapping[str, Any]) -> None:
        """Store the resolved study."""
        text = yaml.safe_dump(dict(resolved), sort_keys=False, allow_unicode=True)
        with writing(self.study):
            write_atomically(self.study, text.encode())

    def write_facts(self, facts: RunFacts) -> None:
        """Store the facts."""
        with writing(self.facts):
            write_atomically(self.facts, (json.dumps(asdict(facts), indent=1) + "\n").encode())

    def write_json(self, path: Path, document: Mapping[str, Any]) -> None:
        """Store a JSON document, whole or not at all."""
        with writing(path):
            write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())

    def read_study(self) -> dict[str, Any]:
        """The resolved study.

        Raises:
            SpecError: If this is no run directory.
        """
        self._require(self.study)
        try:
            data = yaml.safe_load(self.study.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise RunError(f"{self.study} cannot be read: {error}") from error
        if not isinstance(data, dict):
            raise RunError(f"{self.study} is not a study")
        return data

    def read_facts(self) -> RunFacts:
        """The facts.

        Raises:
            SpecError: If this is no run directory.
            RunError: If they cannot be read.
        """
        self._require(self.facts)
        try:
            return RunFacts(**json.loads(self.facts.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.facts} cannot be read: {error}") from error

    def read_json(self, path: Path) -> dict[str, Any] | None:
        """A stored JSON document; None if it is missing or unreadable (it can be made again)."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def replay(self) -> Replay:
        """The journal."""
        return replay(self.journal)

    def _require(self, path: Path) -> None:
        if not path.exists():
            hint = "a directory that `python -m search run` has written, such as runs/gru_bits"
            raise SpecError.plain(f"{self.path} is not a run: it has no {path.name}", hint)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn failures of the file system into a message that names the path."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}") from error
