"""Reads a YAML or JSON document safely and remembers on which line everything stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Self

import yaml

from spaces.problems import Path, Problem, UserError, nearest

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
"""Far above any honest document; one whose aliases expand further is refused."""

CONSTRUCTION_ERRORS = (ValueError, LookupError, AttributeError, TypeError)
"""PyYAML lets through what Python makes of values such as `2024-99-99` or `!!bool maybe`."""


class Document:
    """A mapping read from a file, that can say where each of its keys comes from.

    Attributes:
        data: The document as plain values.
        path: The file.
    """

    def __init__(self, data: dict[str, Any], path: FilePath, places: Mapping[Path, str]) -> None:
        self.data = data
        self.path = path
        self._places = dict(places)

    @classmethod
    def read(cls, path: FilePath, what: str, hint: str = "") -> Self:
        """Read a file: JSON if its name ends so, else YAML.

        Args:
            path: The file.
            what: What it should hold, for messages: `study`, `target`, ...
            hint: What to write into an empty file.

        Raises:
            UserError: If the file cannot be read, is not YAML or JSON, is not a mapping, names a key twice or expands
                enormously.
        """
        text = _read_text(path, what)
        is_json = path.suffix.lower() == ".json"
        if is_json:
            # JSON takes tabs between its parts, YAML does not; inside its texts a tab cannot stand as such.
            text = text.replace("\t", " ")
        root = _compose(text, path)
        if root is None:
            raise UserError.plain(f"{path} is empty", hint)
        _check_size(root, path, what)
        problems = list(_repeated_keys(root, ()))
        data = _json(text, path) if is_json else _plain(text, path)
        if not isinstance(data, dict):
            raise UserError.plain(f"{path}:1  a {what} is a mapping from keys to values, not a {type(data).__name__}")
        document = cls(data, path, {place: f"{path}:{line}" for place, line in _lines(root, ())})
        if problems:
            raise UserError(problems, document.where)
        return document

    def where(self, path: Path) -> str:
        """Place of a key, or of the nearest enclosing one that stands in the file."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, str(self.path))


def _compose(text: str, path: FilePath) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, path) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError.plain(f"{path}:{line}  not YAML: the character {chr(error.character)!r}") from error
    except RecursionError as error:
        raise UserError.plain(f"{path}: nested too deeply") from error


def _plain(text: str, path: FilePath) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, path) from error
    except CONSTRUCTION_ERRORS as error:
        raise UserError.plain(f"{path}: a value that YAML cannot read: {error}") from error
    except RecursionError as error:
        raise UserError.plain(f"{path}: nested too deeply") from error


def _not_yaml(error: yaml.MarkedYAMLError, path: FilePath) -> UserError:
    place = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
    return UserError.plain(f"{place}  not YAML: {error.problem or error.context}")


def _json(text: str, path: FilePath) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError.plain(f"{path}:{error.lineno}  not JSON: {error.msg}") from error


def _read_text(path: FilePath, what: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UserError.plain(f"{path} is larger than {MAX_BYTES:,} bytes: not a {what}")
        return content.decode("utf-8")
    except FileNotFoundError as error:
        folder = path.parent
        names = sorted(p.name for p in folder.glob("*.yaml")) if folder.is_dir() else []
        raise UserError.plain(f"{path} does not exist", ", ".join(names), nearest(path.name, names)) from error
    except OSError as error:
        raise UserError.plain(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError.plain(f"{path}:{line}  is not UTF-8 text") from error


def _check_size(root: yaml.Node, path: FilePath, what: str) -> None:
    """Refuse documents whose aliases would expand to more than `MAX_NODES` nodes, without expanding them."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise UserError.plain(f"{path}:{node.start_mark.line + 1}  an alias that contains itself")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size(root) > MAX_NODES:
        raise UserError.plain(f"{path}: its aliases expand to {size(root):,} values; not a {what}")


def _children(node: yaml.Node) -> Sequence[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, key.value)
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*path, index))


def _repeated_keys(node: yaml.Node, path: Path) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if str(key.value) in seen:
                yield Problem(inner, "the key stands here twice")
            seen.add(str(key.value))
            yield from _repeated_keys(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, (*path, index))
