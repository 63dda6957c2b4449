"""What scoring speech costs, and what the cache and a second process save.

    python -m benchmarks.speech_metrics [--pairs FOLDER] [--clips 40] [--json]

Scores noisy clips against clean ones: built-in test clips, or the pairs of a folder. Reports milliseconds per second of
audio for each metric in one process, PESQ's throughput with one worker process for each core against this process
alone, what a second look at the same outputs costs, and how fast training mixtures are made. Means of the metrics are
printed too, so that a yardstick can be checked at the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from evaluators.speech.clip_scores import score_clip
from evaluators.speech.corpus import load_speech_data
from evaluators.speech.data_options import SpeechDataOptions
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.mixtures import batch
from evaluators.speech.score_cache import ScoreCache
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import ALONE, Scorable, Scorer
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.storage import cache_root
from evaluators.system import Context

METRICS = ("pesq", "stoi", "estoi", "si_sdr_db")
MIXTURES = 300


def milliseconds_per_second(clips: Sequence[EvaluationClip], metrics: Sequence[str]) -> float:
    """Time that one process takes for a second of audio."""
    started = time.perf_counter()
    for clip in clips:
        score_clip(clip.clean, clip.noisy, metrics)
    return 1000 * (time.perf_counter() - started) / _seconds_of(clips)


def scoring_seconds(clips: Sequence[EvaluationClip], n_workers: int) -> tuple[float, float]:
    """Seconds for PESQ of all clips, processes being warm, and for the same again from the cache."""
    items = [Scorable(clip.clean, clip.noisy) for clip in clips]
    with Scorer(["pesq"], ScoreCache(None), n_workers=n_workers) as scorer:
        # Clips of their own to warm up, since what is scored once is not scored again.
        scorer.score([Scorable(item.clean[::-1].copy(), item.output[::-1].copy()) for item in items[: 2 * n_workers]])
        started = time.perf_counter()
        scorer.score(items)
        scored = time.perf_counter()
        scorer.score(items)
        return scored - started, time.perf_counter() - scored


def measure(options: SpeechDataOptions, n_clips: int) -> dict[str, float]:
    """All figures."""
    data = load_speech_data(options, Context(cache_root()))
    test = data.evaluation["test"]
    clips = [test[k] for k in range(min(n_clips, len(test)))]
    figures = {"clips": float(len(clips)), "audio_seconds": _seconds_of(clips)}
    for metrics in (("pesq",), ("stoi", "estoi"), ("si_sdr_db",)):
        figures[f"{'+'.join(metrics)}_ms_per_s"] = milliseconds_per_second(clips, metrics)
    n_workers = os.cpu_count() or 1
    alone, again = scoring_seconds(clips, ALONE)
    together, _ = scoring_seconds(clips, n_workers)
    figures |= {"pesq_alone_s": alone, f"pesq_{n_workers}_workers_s": together, "pesq_speedup": alone / together}
    figures |= {"pesq_cached_s": again, "cache_speedup": alone / again}
    started = time.perf_counter()
    batch(data.training, range(MIXTURES))
    figures["mixture_ms"] = 1000 * (time.perf_counter() - started) / MIXTURES
    with Scorer(METRICS, ScoreCache(None)) as scorer:
        scores = scorer.score([Scorable(clip.clean, clip.noisy) for clip in clips])
    return figures | ScoreTable([clip.name for clip in clips], scores).means()


def _seconds_of(clips: Sequence[EvaluationClip]) -> float:
    return sum(len(clip.clean) for clip in clips) / SAMPLE_RATE_HZ


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, help="folder with noisy/ and clean/ to score instead of built-in clips")
    parser.add_argument("--clips", type=int, default=40, help="how many clips")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    figures = measure(SpeechDataOptions(test_pairs=arguments.pairs), arguments.clips)
    if arguments.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:22} {value:10.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
