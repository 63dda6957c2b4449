"""The study file as a document that `--set` can change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml

from search.errors import SpecError
from spaces import UserError
from spaces import document as documents
from spaces.document import CONSTRUCTION_ERRORS, MAX_BYTES
from spaces.problems import Path

__all__ = ["MAX_BYTES", "Document", "read_document"]


NAMED_SECTIONS = frozenset({"system", "task", "optimizer"})
"""Sections whose options depend on their `name`."""


class Document(documents.Document):
    """A study as written, changed by overrides.

    Attributes:
        inherited: Section -> options that the file gives to something else than what an override now names there. They
            are taken over as far as the new one has such options.
    """

    def __init__(self, data: dict[str, Any], path: FilePath, places: Mapping[Path, str]) -> None:
        super().__init__(data, path, places)
        self.inherited: dict[str, dict[str, Any]] = {}

    def override(self, assignment: str) -> None:
        """Apply `key.inner=value`, the value in YAML.

        Raises:
            SpecError: If it is not an assignment or leads through something that is no mapping.
        """
        dotted, equals, text = assignment.partition("=")
        keys = tuple(dotted.strip().split("."))
        if not equals or not all(keys):
            raise SpecError.plain(f'--set "{assignment}" is not an assignment', "key=value, e.g. optimizer.name=tpe")
        value = parse_value(text, f"--set {dotted}")
        target = self.data
        for depth, key in enumerate(keys[:-1]):
            inner = target.get(key)
            if inner is None:
                inner = target[key] = {}
            if isinstance(inner, str) and key in {"system", "optimizer", "executor", "task"}:
                inner = target[key] = {"name": inner}
            if not isinstance(inner, dict):
                raise SpecError.plain(f"--set {dotted}: {'.'.join(keys[: depth + 1])} is no section")
            target = inner
        if keys[-1] == "name" and keys[-2:-1] and keys[-2] in NAMED_SECTIONS and target.get("name", value) != value:
            self._set_aside(target, keys[:-1])
        target[keys[-1]] = value
        self._places = {path: place for path, place in self._places.items() if path[: len(keys)] != keys}
        self._places[keys] = f"--set {dotted}"

    def _set_aside(self, section: dict[str, Any], path: Path) -> None:
        """Take the options that the file gives out of a section that is about to be named anew."""
        written = [key for key in section if not self.where((*path, key)).startswith("--set")]
        self.inherited[str(path[-1])] = {key: section.pop(key) for key in written}


def parse_value(text: str, where: str) -> Any:
    """Read a value given on the command line.

    Raises:
        SpecError: If it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, *CONSTRUCTION_ERRORS) as error:
        raise SpecError.plain(f'{where}: "{text}" is not YAML') from error


def read_document(path: FilePath) -> Document:
    """Read a study file.

    Raises:
        SpecError: If the file cannot be read, is not YAML, is not a mapping, names a key twice or expands enormously.
    """
    try:
        return Document.read(path, "study", "a study; see `python -m search list studies`")
    except UserError as error:
        raise SpecError.of(error) from error
