"""Reads the recordings of a user's folders: clean speech, noise, and pairs of noisy and clean speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evaluators.errors import DataError
from evaluators.speech.audio import read_audio
from evaluators.speech.catalog import INDEX, NOISES, SPEAKERS, Entry, Naming, Note, check_apart, find_recordings
from evaluators.speech.levels import without_silent_ends
from evaluators.speech.packs import load_or_pack
from evaluators.speech.recordings import Labelled, Recordings
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.system import Context

MAX_NAMED = 5
"""Files that a message lists."""


def read_speech(folders: Sequence[Path], context: Context, naming: Naming = SPEAKERS) -> Recordings:
    """Clean speech below the folders; sources are speakers.

    Raises:
        DataError: If a folder is missing or has no recordings, or none of them can be used.
        MissingExtraError: If a package is missing.
    """
    return _read(folders, naming, context, "decoding speech", is_speech=True)


def read_noise(folders: Sequence[Path], context: Context, naming: Naming = NOISES) -> Recordings:
    """Noise below the folders; sources are the recordings that clips were cut from. Silent ends are cut off.

    Raises:
        DataError: If a folder is missing or has no recordings, or none of them can be used.
        MissingExtraError: If a package is missing.
    """
    return _read(folders, naming, context, "decoding noise", is_speech=False)


def read_pairs(folder: Path, context: Context, naming: Naming = SPEAKERS) -> tuple[Recordings, Recordings]:
    """Noisy and clean speech of the same names in the subfolders `noisy` and `clean`; sources are speakers.

    Returns:
        Noisy and clean recordings, in the same order and of the same lengths.

    Raises:
        DataError: If a subfolder is missing, or no pair can be used.
        MissingExtraError: If a package is missing.
    """
    entries, skipped = find_pairs(folder, naming)

    def produce() -> Iterator[Labelled | Note]:
        yield from skipped
        for noisy, clean in entries:
            yield from _read_pair(noisy, clean)

    files = [entry for pair in entries for entry in pair]
    settings = {"pairs": _identity(files), "skipped": [note.text for note in skipped]}
    both = load_or_pack(settings, produce, len(files) + len(skipped), "decoding pairs", context)
    _check_any(both, [folder])
    halves = (both.clips[0::2], both.clips[1::2])
    noisy, clean = (Recordings(both.array, clips, both.fingerprint, both.skipped, both.remarks) for clips in halves)
    return noisy, clean


def find_pairs(folder: Path, naming: Naming = SPEAKERS) -> tuple[list[tuple[Entry, Entry]], list[Note]]:
    """The files of each pair, noisy and clean, and what is left out.

    An `index.csv` may lie in `folder` or in its subfolder `clean`.

    Raises:
        DataError: If a subfolder is missing or empty.
    """
    noisy_folder, clean_folder = folder / "noisy", folder / "clean"
    check_apart([clean_folder], [noisy_folder], "clean and noisy speech")
    index = next((path for path in (folder / INDEX, clean_folder / INDEX) if path.is_file()), None)
    found, skipped = find_recordings(clean_folder, naming, index)
    others = {entry.name.partition("/")[2]: entry for entry in find_recordings(noisy_folder, naming, index)[0]}
    pairs = []
    for clean in found:
        noisy = others.pop(clean.name.partition("/")[2], None)
        if noisy is None:
            skipped.append(Note(clean.name, f"has no counterpart in {noisy_folder.name}"))
        else:
            pairs.append((noisy, clean))
    skipped += [Note(entry.name, f"has no counterpart in {clean_folder.name}") for entry in others.values()]
    return pairs, skipped


def listed(notes: Sequence[Note], what: str, most: int = MAX_NAMED) -> str:
    """A count and the first few of the files, e.g. for a message; empty if there are none."""
    if not notes:
        return ""
    lines = [f"{note.file}: {note.text}" for note in notes[:most]]
    if len(notes) > most:
        lines.append(f"and {len(notes) - most} more")
    return f"{len(notes)} {what}: " + "; ".join(lines)


def _read(folders: Sequence[Path], naming: Naming, context: Context, title: str, *, is_speech: bool) -> Recordings:
    entries: list[Entry] = []
    skipped: list[Note] = []
    for folder in folders:
        found, left_out = find_recordings(folder, naming)
        entries += found
        skipped += left_out

    def produce() -> Iterator[Labelled | Note]:
        yield from skipped
        for entry in entries:
            yield _read_one(entry, is_speech=is_speech)

    settings = {"is_speech": is_speech, "files": _identity(entries), "skipped": [note.text for note in skipped]}
    recordings = load_or_pack(settings, produce, len(entries) + len(skipped), title, context)
    _check_any(recordings, folders)
    return recordings


def _read_one(entry: Entry, *, is_speech: bool) -> Labelled | Note:
    try:
        samples, rate_hz = read_audio(entry.path, may_clip=not is_speech)
    except DataError as error:
        return _note(entry, error)
    if not is_speech:
        samples = without_silent_ends(samples)
    remark = f"has {rate_hz} Hz, so nothing above {rate_hz / 2000:g} kHz" if rate_hz < SAMPLE_RATE_HZ else ""
    return Labelled(entry.name, entry.source, entry.kind, samples, remark)


def _read_pair(noisy: Entry, clean: Entry) -> Iterable[Labelled | Note]:
    """Both halves of a pair, or what is wrong with it."""
    try:
        halves = [(entry, *read_audio(entry.path, may_clip=entry is noisy)) for entry in (noisy, clean)]
    except DataError as error:
        return [_note(clean, error)]
    (_, noisy_samples, _), (_, clean_samples, _) = halves
    if len(noisy_samples) != len(clean_samples):
        return [Note(clean.name, f"has {len(clean_samples)} samples, its noisy counterpart {len(noisy_samples)}")]
    return [Labelled(entry.name, clean.source, clean.kind, samples) for entry, samples, _ in halves]


def _note(entry: Entry, error: DataError) -> Note:
    return Note(entry.name, str(error).removeprefix(f"{entry.path}: "))


def _identity(entries: Sequence[Entry]) -> list[tuple[str | int, ...]]:
    """What a recording is known by without reading it; the folder may move."""
    stats = [(entry, entry.path.stat()) for entry in entries]
    return [(entry.name, entry.source, entry.kind, stat.st_size, stat.st_mtime_ns) for entry, stat in stats]


def _check_any(recordings: Recordings, folders: Sequence[Path]) -> None:
    if not recordings.clips:
        places = ", ".join(str(folder) for folder in folders)
        raise DataError(f"{places}: no recording can be used; {listed(recordings.skipped, 'left out')}")
