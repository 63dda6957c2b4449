"""Scores many outputs at a time: in worker processes, each once, and whatever happens to one clip."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from cost_models.extras import require
from evaluators.errors import DataError
from evaluators.progress import Progress, Silent
from evaluators.speech.clip_scores import DNSMOS_METRICS, WORST, Score, score_clip, unscored
from evaluators.speech.dnsmos import P808_FILE, P835_FILE, DnsMos
from evaluators.speech.score_cache import Key, ScoreCache, content_hash, key
from evaluators.speech.sound import Samples
from evaluators.storage import HASH_LENGTH
from evaluators.worker_process import is_worker

ClipScores = dict[str, Score]
"""Metric -> score, of one clip."""
TIMEOUT_S = 120.0
"""A minute of audio takes PESQ one to two seconds."""
ALONE = 0
"""As the number of workers: score in this process."""
CHEAP = frozenset({"si_sdr_db"})
"""Metrics that take less time than a process takes to start, and cannot bring it down."""


@dataclass(frozen=True)
class Scorable:
    """An output to be judged, and the clean speech that it should be; both of shape (n_samples,)."""

    clean: Samples
    output: Samples


_Work = Mapping[str, tuple[Scorable, list[str]]]
"""Content -> what to score, and the metrics that are missing."""


def default_workers() -> int:
    """One for each core; none in a process that is a worker itself, whose siblings use the other cores."""
    return ALONE if is_worker() else os.cpu_count() or 1


class Scorer:
    """Scores outputs by a fixed set of metrics. Used as a context manager, which ends its processes on the way out.

    Processes start when they are first needed, and stay warm. A clip on which a process dies or hangs gets the worst
    values, with the reason.

    Args:
        metrics: Names of speech metrics, see `WORST`.
        cache: Scores already known.
        dnsmos: Folder of DNSMOS's ONNX files, for its metrics.
        n_workers: Processes; 0 scores in this one, unprotected; None: as many as there are cores, or 0 where all
            metrics are cheap.
        timeout_s: Longest time for one clip.

    Raises:
        ValueError: If a metric is unknown.
        DataError: If DNSMOS is asked for without a folder that has its files.
        MissingExtraError: If a package is missing.
    """

    def __init__(
        self,
        metrics: Sequence[str],
        cache: ScoreCache,
        *,
        dnsmos: Path | None = None,
        n_workers: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        unknown = [name for name in metrics if name not in WORST]
        if unknown:
            raise ValueError(f"no speech metric {unknown[0]!r}; there are {', '.join(WORST)}")
        if "pesq" in metrics:
            require("pesq", "PESQ", "speech")
        self.metrics = tuple(metrics)
        self._labels = _labels(self.metrics, dnsmos)
        self._cache = cache
        self._networks = None if dnsmos is None else DnsMos(dnsmos)
        if n_workers is None:
            n_workers = ALONE if CHEAP.issuperset(metrics) else default_workers()
        self._n_workers = n_workers
        self._timeout_s = timeout_s
        self._pool: ProcessPool | None = None

    def score(self, items: Sequence[Scorable], progress: Progress | None = None) -> list[ClipScores]:
        """Scores of each item, in order; what was scored before, or occurs twice, is not scored again.

        Args:
            items: Best all clips of all candidates at once, so that every core has work to the end.
            progress: Watches.

        Raises:
            ValueError: If the shapes of an item differ.
        """
        self._cache.refresh()
        contents = [content_hash(item.clean, item.output) for item in items]
        work = {
            content: (item, missing)
            for content, item in zip(contents, items, strict=True)
            if (missing := [name for name in self.metrics if self._cache.get(self._key(content, name)) is None])
        }
        self._fill(work, progress or Silent())
        return [{name: self._cached(content, name) for name in self.metrics} for content in contents]

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self, work: _Work, progress: Progress) -> None:
        """Score what the cache lacks; every score is kept as soon as it is there."""
        if not work:
            return
        progress.start("scoring speech", len(work))
        try:
            for content, scores, is_final in self._alone(work) if self._n_workers == ALONE else self._together(work):
                keep = self._cache.put if is_final else self._cache.remember
                keep({self._key(content, name): score for name, score in scores.items()})
                progress.advance()
        finally:
            progress.finish()

    def _alone(self, work: _Work) -> Iterator[tuple[str, ClipScores, bool]]:
        for content, (item, missing) in work.items():
            yield content, score_clip(item.clean, item.output, missing, self._networks), True

    def _together(self, work: _Work) -> Iterator[tuple[str, ClipScores, bool]]:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._n_workers,
                initializer=_start_worker,
                initargs=(self._networks,),
                context=multiprocessing.get_context("spawn"),
            )
        futures = {
            content: self._pool.schedule(_score, args=(item.clean, item.output, missing), timeout=self._timeout_s)
            for content, (item, missing) in work.items()
        }
        try:
            for content, future in futures.items():
                yield content, *self._result(future, work[content][1])
        finally:
            for future in futures.values():
                future.cancel()  # type: ignore[no-untyped-call]

    def _result(self, future: Future[ClipScores], missing: Sequence[str]) -> tuple[ClipScores, bool]:
        """The scores, and whether another attempt would give the same."""
        try:
            return future.result(), True
        except TimeoutError:
            return unscored(missing, f"not scored within {self._timeout_s:g} s"), False
        except ProcessExpired as error:
            return unscored(missing, f"the scoring process died with {error.exitcode}"), False

    def _key(self, content: str, metric: str) -> Key:
        return key(content, self._labels[metric])

    def _cached(self, content: str, metric: str) -> Score:
        score = self._cache.get(self._key(content, metric))
        assert score is not None, "everything missing was scored"
        return score


_networks: DnsMos | None = None


def _start_worker(networks: DnsMos | None) -> None:
    global _networks
    _networks = networks


def _score(clean: Samples, output: Samples, metrics: Sequence[str]) -> ClipScores:
    return score_clip(clean, output, metrics, _networks)


def _labels(metrics: Sequence[str], dnsmos: Path | None) -> dict[str, str]:
    """How each metric is called in the cache: other files of DNSMOS give other scores."""
    labels = {name: name for name in metrics}
    for name in set(metrics) & set(DNSMOS_METRICS):
        if dnsmos is None:
            raise DataError(f"{name} needs a folder with {P835_FILE} and {P808_FILE}", advice="Set `dnsmos` to it")
        path = dnsmos / (P808_FILE if name == "dnsmos_p808" else P835_FILE)
        if not path.is_file():
            raise DataError("there is no such file", where=path, expected=f"DNSMOS's {path.name}")
        require("onnxruntime", "DNSMOS", "onnx")
        labels[name] = f"{name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LENGTH]}"
    return labels
