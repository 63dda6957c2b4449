"""Finds the recordings in a folder and who or what is heard in each."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluators.errors import DataError
from evaluators.speech.audio import SUFFIXES

INDEX = "index.csv"


@dataclass(frozen=True)
class Note:
    """Something a user should know about a file.

    Attributes:
        file: The file, as in `Entry.name`.
        text: What is wrong or remarkable, to be read after the file's name.
    """

    file: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A recording that was found.

    Attributes:
        path: The file.
        name: Its folder's name and its place in that folder; the same wherever the folder lies.
        source: The speaker, or the recording that a clip of noise was cut from.
        kind: What the source is an example of, such as a class of noise; empty if not known.
    """

    path: Path
    name: str
    source: str
    kind: str


@dataclass(frozen=True)
class Naming:
    """How the source of a recording is found: in the index, else in the file's name.

    Attributes:
        columns: Columns of `index.csv` that may hold it, the first one there counts.
        pattern: Regular expression searched in the file's path below the folder; its first group is the source.
    """

    columns: tuple[str, ...]
    pattern: str


SPEAKERS = Naming(("speaker", "speaker_id"), r"([^/_.-]+)[^/]*$")
"""Up to the first hyphen or underscore of the name, as in LibriSpeech (19-198-0000) and VCTK (p232_001)."""
NOISES = Naming(("source_id", "freesound_id", "source"), r"(.+)\.\w+$")
"""Every file is a source of its own."""


def find_recordings(folder: Path, naming: Naming, index: Path | None = None) -> tuple[list[Entry], list[Note]]:
    """All WAV and FLAC files below a folder, in the order of their names.

    Where there is an index and it has one of the columns, only the files in it count.

    Args:
        folder: Where to look.
        naming: How sources are found.
        index: Default: `index.csv` in the folder.

    Raises:
        DataError: If there is no such folder, no recording in it, or the index cannot be read.
    """
    if not folder.is_dir():
        raise DataError("there is no such folder", where=folder, expected="a folder of WAV or FLAC files")
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    }
    if not files:
        raise DataError("there are no WAV or FLAC files", where=folder, expected="recordings")
    rows = _read_index(index or folder / INDEX)
    column = next((name for name in naming.columns if rows and name in rows[0]), None)
    if column is None:
        return _named(folder, files, naming.pattern, {row["file"]: row for row in rows})
    return _indexed(folder, files, rows, column)


def check_apart(folders: Sequence[Path], others: Sequence[Path], what: str) -> None:
    """Check that no folder is, lies in, or holds one of the others.

    Raises:
        DataError: If one does.
    """
    for folder in folders:
        for other in others:
            mine, theirs = folder.resolve(), other.resolve()
            if mine == theirs or mine in theirs.parents or theirs in mine.parents:
                raise DataError(f"is, holds or lies in {other}", where=folder, expected=f"different folders for {what}")


def _indexed(
    folder: Path, files: Mapping[str, Path], rows: Sequence[Mapping[str, str]], column: str
) -> tuple[list[Entry], list[Note]]:
    entries, skipped = [], []
    for row in rows:
        name, source = row["file"], row[column]
        if name not in files:
            skipped.append(Note(f"{folder.name}/{name}", f"is listed in {INDEX}, but not there"))
        elif not source:
            skipped.append(Note(f"{folder.name}/{name}", f"has no {column} in {INDEX}"))
        else:
            entries.append(Entry(files[name], f"{folder.name}/{name}", source, row.get("class", "")))
    listed = {row["file"] for row in rows}
    skipped += [Note(f"{folder.name}/{name}", f"is not listed in {INDEX}") for name in files if name not in listed]
    return sorted(entries, key=lambda entry: entry.name), skipped


def _named(
    folder: Path, files: Mapping[str, Path], pattern: str, rows: Mapping[str, Mapping[str, str]]
) -> tuple[list[Entry], list[Note]]:
    entries, skipped = [], []
    for name, path in files.items():
        match = re.search(pattern, name)
        source = match[1] if match else None
        if source:
            kind = rows[name].get("class", "") if name in rows else ""
            entries.append(Entry(path, f"{folder.name}/{name}", source, kind))
        else:
            skipped.append(Note(f"{folder.name}/{name}", f"the name does not match {pattern}"))
    return entries, skipped


def _read_index(path: Path) -> list[dict[str, str]]:
    """Rows of the index; none where there is no index."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            if reader.fieldnames is None or "file" not in reader.fieldnames:
                raise DataError("has no column `file`", where=path, line=1, expected="the names of the files in it")
            return list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot be read: {error}", where=path, expected="comma-separated values in UTF-8") from error
