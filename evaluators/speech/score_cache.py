"""Scores that were computed before, by the content of what was scored; kept on disk, one line for each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from evaluators.speech.clip_scores import SCORING_VERSION, Score
from evaluators.speech.sound import Samples
from evaluators.storage import HASH_LENGTH

Key = str


class ScoreCache:
    """Scores in memory and in a file that only ever grows, so that several processes may use it at a time.

    Args:
        path: The file; None keeps scores in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._scores: dict[Key, Score] = {}
        self._n_read = 0
        self.refresh()

    def __len__(self) -> int:
        return len(self._scores)

    def get(self, key: Key) -> Score | None:
        """The score, if it is known."""
        return self._scores.get(key)

    def remember(self, scores: Mapping[Key, Score]) -> None:
        """Keep scores as long as this process lives."""
        self._scores |= scores

    def put(self, scores: Mapping[Key, Score]) -> None:
        """Keep scores, on disk as well."""
        self.remember(scores)
        if self._path is None:
            return
        lines = [json.dumps([key, score.value, score.reason]) for key, score in scores.items()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # In one piece: the operating system puts appended pieces of several processes one after another.
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())

    def refresh(self) -> None:
        """Take in what other processes have added."""
        if self._path is None or not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._n_read)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._n_read += len(whole)
        for line in whole.splitlines():
            entry = _parsed(line)
            if entry is not None:
                self._scores[entry[0]] = entry[1]


def content_hash(clean: Samples, output: Samples) -> str:
    """Identity of a clean signal and an output."""
    digest = hashlib.sha256(f"{SCORING_VERSION} {len(clean)} {len(output)} ".encode())
    digest.update(clean.astype("<f4", copy=False).tobytes())
    digest.update(output.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()[:HASH_LENGTH]


def key(content: str, metric: str) -> Key:
    """Where the score of a metric is kept; `content` from `content_hash`."""
    return f"{content} {metric}"


def _parsed(line: bytes) -> tuple[Key, Score] | None:
    """A line's key and score; None if a process died while it wrote the line, which costs no more than a score."""
    try:
        name, value, reason = json.loads(line)
    except ValueError:
        return None
    return name, Score(value, reason)
