"""Where the runs of a sweep lie: a folder that all machines reach, or a place that has an URI."""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import RunError

SYNC_S = 20.0
"""Seconds between two copies of a run that is under way: what a lost machine can cost."""


@dataclass(frozen=True)
class Storage:
    """A folder, or an URI such as `s3://bucket/sweeps`, as Ray and Arrow understand it."""

    location: str

    @property
    def is_remote(self) -> bool:
        """Whether files are copied to and fro."""
        return "://" in self.location

    def __str__(self) -> str:
        return self.location

    def check_writable(self) -> None:
        """Try it.

        Raises:
            RunError: If it cannot be written.
        """
        probe = f".probe-{secrets.token_hex(4)}"
        try:
            if self.is_remote:
                system, root = self._remote()
                system.create_dir(root, recursive=True)
                with system.open_output_stream(f"{root}/{probe}") as stream:
                    stream.write(b"")
                system.delete_file(f"{root}/{probe}")
            else:
                folder = Path(self.location)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / probe).touch()
                (folder / probe).unlink()
        except (OSError, ValueError, ImportError) as error:  # Arrow raises all of these
            told = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise RunError(f"{self.location} cannot be written: {told}") from error

    def holds_anything(self, part: str = "") -> bool:
        """Whether something is there already."""
        if not self.is_remote:
            folder = Path(self.location) / part
            return folder.is_dir() and any(folder.iterdir())
        from pyarrow import fs

        system, root = self._remote()
        return bool(system.get_file_info(fs.FileSelector(f"{root}/{part}".rstrip("/"), allow_not_found=True)))

    @contextmanager
    def folder(self, part: str = "") -> Iterator[Path]:
        """A local folder with what is there; what is written into it will be there, at the latest at the end."""
        if not self.is_remote:
            path = Path(self.location) / part
            path.mkdir(parents=True, exist_ok=True)
            yield path
            return
        with tempfile.TemporaryDirectory() as scratch:
            self._copy(scratch, part, is_up=False)
            over = threading.Event()
            copier = threading.Thread(target=self._keep_copying, args=(scratch, part, over), daemon=True)
            copier.start()
            try:
                yield Path(scratch)
            finally:
                over.set()
                copier.join()
                self._copy(scratch, part, is_up=True)

    def _keep_copying(self, scratch: str, part: str, over: threading.Event) -> None:
        while not over.wait(SYNC_S):
            with suppress(RunError):  # told by the last copy, if it is still so
                self._copy(scratch, part, is_up=True)

    def _copy(self, scratch: str, part: str, *, is_up: bool) -> None:
        from pyarrow import fs

        system, root = self._remote()
        there = f"{root}/{part}".rstrip("/")
        try:
            if is_up:
                system.create_dir(there, recursive=True)
                fs.copy_files(scratch, there, destination_filesystem=system)
            elif self.holds_anything(part):
                fs.copy_files(there, scratch, source_filesystem=system)
        except OSError as error:
            raise RunError(f"{self.location} cannot be {'written' if is_up else 'read'}: {error}") from error

    def _remote(self) -> tuple[Any, str]:
        from pyarrow import fs

        system, root = fs.FileSystem.from_uri(self.location)
        return system, root.rstrip("/")
