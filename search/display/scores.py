"""Scores of recordings, a line each."""

from __future__ import annotations

import sys

from search.predicting import FileScore
from search.report.text import clean

_LONGEST = 1000


def print_score(found: FileScore) -> None:
    """Score, file and what was done to it on stdout; what has no score, and why, on stderr."""
    file = clean(found.file, _LONGEST)
    if found.error:
        print(f"error: {file}: {clean(found.error, _LONGEST)}", file=sys.stderr, flush=True)
        return
    notes = f"  ({'; '.join(found.notes)})" if found.notes else ""
    print(f"{found.score:.2f}  {file}{notes}", flush=True)
