"""Many recordings as one array on disk, of which only what is used is in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from evaluators.speech.catalog import Note
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples


@dataclass(frozen=True)
class Labelled:
    """A recording on its way into a collection; see `Clip`."""

    name: str
    source: str
    kind: str
    samples: Samples
    remark: str = ""


@dataclass(frozen=True)
class Clip:
    """Where a recording lies in the array, and what is known of it.

    Attributes:
        name: Of the recording; unique.
        source: The speaker, or the recording that a clip of noise was cut from; splits never divide a source.
        kind: What the source is an example of; empty if not known.
        start: First sample in the array.
        n_samples: Its length.
        level_dbfs: Active level.
    """

    name: str
    source: str
    kind: str
    start: int
    n_samples: int
    level_dbfs: float


@dataclass(frozen=True)
class Recordings:
    """A collection of recordings at one rate.

    Attributes:
        array: The samples of all of them, one after another; mapped from disk, hence shared between processes.
        clips: Which they are; a selection is a view of the same array.
        fingerprint: Identity of names, sources and samples of the whole collection.
        skipped: What was left out when the collection was made.
        remarks: What is odd about recordings that were not left out.
    """

    array: Samples
    clips: tuple[Clip, ...]
    fingerprint: str
    skipped: tuple[Note, ...] = ()
    remarks: tuple[Note, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Only the selected clips are sent to another machine, not the collection they are a view of."""
        parts = [self.samples(k) for k in range(len(self))]
        starts = accumulate((clip.n_samples for clip in self.clips), initial=0)
        clips = tuple(replace(clip, start=start) for clip, start in zip(self.clips, starts, strict=False))
        array = np.concatenate(parts) if parts else self.array[:0]
        return {**self.__dict__, "array": np.asarray(array), "clips": clips}

    def __len__(self) -> int:
        return len(self.clips)

    def samples(self, k: int) -> Samples:
        """The k-th recording, read-only."""
        clip = self.clips[k]
        return self.array[clip.start : clip.start + clip.n_samples]

    @property
    def seconds(self) -> float:
        """Duration of all clips together."""
        return sum(clip.n_samples for clip in self.clips) / SAMPLE_RATE_HZ

    @cached_property
    def by_source(self) -> dict[str, list[int]]:
        """Source -> its clips, sources in the order of their names."""
        found: dict[str, list[int]] = {}
        for k in sorted(range(len(self.clips)), key=lambda k: (self.clips[k].source, k)):
            found.setdefault(self.clips[k].source, []).append(k)
        return found

    @property
    def kinds(self) -> dict[str, str]:
        """Source -> kind."""
        return {clip.source: clip.kind for clip in self.clips}

    def of_sources(self, sources: Collection[str]) -> Recordings:
        """The clips of these sources."""
        chosen = tuple(clip for clip in self.clips if clip.source in sources)
        return Recordings(self.array, chosen, self.fingerprint, self.skipped, self.remarks)
