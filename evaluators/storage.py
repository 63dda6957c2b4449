"""Where caches and data lie, and how files get there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import platformdirs

CACHE_VARIABLE = "TINYPARETO_CACHE"
DATA_VARIABLE = "TINYPARETO_DATA"
HASH_LENGTH = 16
"""Hexadecimal digits of the hashes in cache names: 64 bits."""


def cache_root() -> Path:
    """Folder for trained weights, labels and features: `TINYPARETO_CACHE`, else the user's cache folder.

    The folder need not exist yet.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("tinypareto", appauthor=False)


def data_root() -> Path | None:
    """Folder that holds the data sets, one subfolder each: `TINYPARETO_DATA`, None where it is not set."""
    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment it is there whole, as it was before, or not at all.

    Folders on the way are made. Several processes may write the same path; the last one wins.

    Raises:
        OSError: If it cannot be written; the path is then as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def settings_hash(settings: Any) -> str:
    """Name settings by their content: the same on every machine, whatever the order of keys.

    Args:
        settings: What JSON can hold; numbers finite.

    Raises:
        TypeError, ValueError: If JSON cannot hold it.

    >>> settings_hash({"epochs": 3, "seed": 0}) == settings_hash({"seed": 0, "epochs": 3})
    True
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]
