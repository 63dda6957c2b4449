"""Keeps collections of recordings on disk, decoded, so that nothing is decoded or synthesized twice.

A pack is an array `<key>.npy` and a description `<key>.json`; the description is written last and makes it valid.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from evaluators.errors import DataError
from evaluators.speech.catalog import Note
from evaluators.speech.levels import active_level_dbfs
from evaluators.speech.recordings import Clip, Labelled, Recordings
from evaluators.speech.sound import Samples
from evaluators.storage import HASH_LENGTH, settings_hash, write_atomically
from evaluators.system import Context

PACK_VERSION = 1
"""To be raised whenever the same recordings give other packs, so that kept ones are not used."""


def load_or_pack(
    settings: object,
    produce: Callable[[], Iterable[Labelled | Note]],
    n_total: int,
    title: str,
    context: Context,
) -> Recordings:
    """A collection from the cache, made first if it is not there.

    Args:
        settings: What decides the collection's content; what JSON can hold.
        produce: Makes the recordings, in order, and says which files it left out; called only if need be.
        n_total: How many there are, both together; for the progress shown.
        title: What is being done, for the progress shown.
        context: Says where the cache is, and who watches.

    Raises:
        DataError: If the cached files are damaged; and what `produce` raises.
    """
    path = context.cache / "audio" / f"{settings_hash({'version': PACK_VERSION, 'settings': settings})}.npy"
    if context.fresh or not _description(path).is_file():
        context.progress.start(title, n_total)
        try:
            _pack(path, _watched(produce(), context))
        finally:
            context.progress.finish()
    return _load(path)


def _watched(items: Iterable[Labelled | Note], context: Context) -> Iterator[Labelled | Note]:
    for item in items:
        yield item
        context.progress.advance()


def _pack(path: Path, items: Iterable[Labelled | Note]) -> None:
    clips: list[Clip] = []
    skipped: list[Note] = []
    remarks: list[Note] = []
    digest = hashlib.sha256()
    n_samples = 0
    with replacing(path) as file:
        _write_header(file, 0)
        for item in items:
            if isinstance(item, Note):
                skipped.append(item)
                continue
            if item.remark:
                remarks.append(Note(item.name, item.remark))
            level_dbfs = active_level_dbfs(item.samples)
            clips.append(Clip(item.name, item.source, item.kind, n_samples, len(item.samples), level_dbfs))
            n_samples += len(item.samples)
            content = np.ascontiguousarray(item.samples, dtype="<f4").tobytes()
            label = f"{item.name}\0{item.source}\0{item.kind}\0{len(item.samples)}\0"
            # Names of files need not be valid Unicode.
            digest.update(label.encode(errors="surrogateescape"))
            digest.update(content)
            file.write(content)
        file.seek(0)
        _write_header(file, n_samples)
    description = {
        "clips": [asdict(clip) for clip in clips],
        "fingerprint": digest.hexdigest()[:HASH_LENGTH],
        "skipped": [asdict(note) for note in skipped],
        "remarks": [asdict(note) for note in remarks],
    }
    write_atomically(_description(path), json.dumps(description).encode())


def _load(path: Path) -> Recordings:
    try:
        description = json.loads(_description(path).read_bytes())
        clips = tuple(Clip(**clip) for clip in description["clips"])
        skipped, remarks = (tuple(Note(**note) for note in description[key]) for key in ("skipped", "remarks"))
        array: Samples = np.load(path, mmap_mode="r", allow_pickle=False) if clips else np.zeros(0, dtype=np.float32)
    except (OSError, ValueError, TypeError, KeyError) as error:
        advice = f"Delete it and {_description(path).name}"
        raise DataError(f"the cached audio cannot be read: {error}", where=path, advice=advice) from error
    return Recordings(array, clips, description["fingerprint"], skipped, remarks)


def _description(path: Path) -> Path:
    return path.with_suffix(".json")


def _write_header(file: BinaryIO, n_samples: int) -> None:
    # NumPy leaves room for the first axis to grow, so the header of any length is equally long.
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_samples,)}
    np.lib.format.write_array_header_1_0(file, header)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
