"""The study file as a document that `--set` can change."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import yaml

from search.errors import SpecError
from spaces import UserError
from spaces import document as documents
from spaces.document import CONSTRUCTION_ERRORS, MAX_BYTES

__all__ = ["MAX_BYTES", "Document", "read_document"]


class Document(documents.Document):
    """A study as written, changed by overrides."""

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
        target[keys[-1]] = value
        self._places = {path: place for path, place in self._places.items() if path[: len(keys)] != keys}
        self._places[keys] = f"--set {dotted}"


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
