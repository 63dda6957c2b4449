"""The append-only journal of a run: one record a line, nothing is ever changed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from search.errors import RunError
from search.records import TrialRecord


class JournalWarning(UserWarning):
    """A line of the journal could not be read and is left out."""


@dataclass(frozen=True)
class Replay:
    """What a journal holds.

    Attributes:
        records: In the order they were written.
        n_valid_bytes: Length of the journal without a torn last line.
    """

    records: list[TrialRecord]
    n_valid_bytes: int


def replay(path: Path) -> Replay:
    """Read a journal; a torn last line is dropped, a garbled one is left out with a warning.

    Raises:
        RunError: If the file cannot be read.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    whole = content.rfind(b"\n") + 1
    records = []
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            records.append(TrialRecord.from_json(line))
        except ValueError as error:
            warnings.warn(f"{path}:{number} is left out: {error}", JournalWarning, stacklevel=2)
    return Replay(records, whole)


class Journal:
    """Appends records; a record that was written survives the death of the process.

    Args:
        path: The file; created if need be.
        n_valid_bytes: Where to go on; what follows (a torn line) is cut off.

    Raises:
        RunError: If the file cannot be opened.
    """

    def __init__(self, path: Path, n_valid_bytes: int = 0) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._file, n_valid_bytes)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}") from error
        self._size = n_valid_bytes

    def append(self, records: Iterable[TrialRecord]) -> None:
        """Write records in one go.

        Raises:
            RunError: If the disk is full or fails; the journal then ends with the last whole record.
        """
        content = "".join(record.to_json() + "\n" for record in records).encode()
        written = 0
        try:
            while written < len(content):
                written += os.write(self._file, content[written:])
        except OSError as error:
            self._size += content.rfind(b"\n", 0, written) + 1
            os.ftruncate(self._file, self._size)
            raise RunError(f"{self._path} cannot be written: {error.strerror}; earlier records are kept") from error
        self._size += len(content)

    def close(self) -> None:
        """Flush to disk and close.

        Raises:
            RunError: If the disk fails.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise RunError(f"{self._path} cannot be written: {error.strerror}") from error
        finally:
            os.close(self._file)
