"""Reads a YAML document safely and remembers on which line everything stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

import yaml

from search.errors import SpecError
from spaces import Problem, nearest

Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
"""Far above any honest study; a document whose aliases expand further is refused."""


class Document:
    """A mapping read from a file, changed by overrides, that can say where each of its keys comes from.

    Attributes:
        data: The document as plain values.
        path: The file.
    """

    def __init__(self, data: dict[str, Any], path: FilePath, places: dict[Path, str]) -> None:
        self.data = data
        self.path = path
        self._places = places

    def where(self, path: Path) -> str:
        """Place of a key, or of the nearest enclosing one that stands in the file."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, str(self.path))

    def override(self, assignment: str) -> None:
        """Apply `key.inner=value`, the value in YAML.

        Raises:
            SpecError: If it is not an assignment or leads through something that is no mapping.
        """
        dotted, equals, text = assignment.partition("=")
        keys = tuple(dotted.strip().split("."))
        if not equals or not all(keys):
            raise SpecError.plain(f'--set "{assignment}" is not an assignment', "key=value, e.g. optimizer.name=tpe")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SpecError.plain(f'--set {dotted}: "{text}" is not YAML') from error
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
        self._places[keys] = f"--set {dotted}"


def read_document(path: FilePath) -> Document:
    """Read a YAML mapping.

    Raises:
        SpecError: If the file cannot be read, is not YAML, is not a mapping, names a key twice or expands enormously.
    """
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise SpecError.plain(f"{path} is empty", "a study; see `python -m search list studies`")
        _check_size(root, path)
        problems = list(_repeated_keys(root, ()))
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        place = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
        raise SpecError.plain(f"{place}  not YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError.plain(f"{path}:{line}  not YAML: the character {chr(error.character)!r}") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        # PyYAML lets through what Python makes of values such as `2024-99-99` or `!!bool maybe`.
        raise SpecError.plain(f"{path}: a value that YAML cannot read: {error}") from error
    except RecursionError as error:
        raise SpecError.plain(f"{path}: nested too deeply") from error
    if not isinstance(data, dict):
        raise SpecError.plain(f"{path}:1  a study is a mapping from keys to values, not a {type(data).__name__}")
    document = Document(data, path, {p: f"{path}:{line}" for p, line in _lines(root, ())})
    if problems:
        raise SpecError(problems, document.where)
    return document


def _read_text(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SpecError.plain(f"{path} is larger than {MAX_BYTES:,} bytes: not a study")
        return content.decode("utf-8")
    except FileNotFoundError as error:
        folder = path.parent
        names = sorted(p.name for p in folder.glob("*.yaml")) if folder.is_dir() else []
        raise SpecError.plain(f"{path} does not exist", ", ".join(names), nearest(path.name, names)) from error
    except OSError as error:
        raise SpecError.plain(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError.plain(f"{path}:{line}  is not UTF-8 text") from error


def _check_size(root: yaml.Node, path: FilePath) -> None:
    """Refuse documents whose aliases would expand to more than `MAX_NODES` nodes, without expanding them."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise SpecError.plain(f"{path}:{node.start_mark.line + 1}  an alias that contains itself")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size(root) > MAX_NODES:
        raise SpecError.plain(f"{path}: its aliases expand to {size(root):,} values; not a study")


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
