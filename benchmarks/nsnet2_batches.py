"""How much faster many threshold settings are evaluated together than one at a time, PESQ aside.

    python -m benchmarks.nsnet2_batches [--candidates 64] [--clips 40] [--json]

Random weights of the small network on synthesized noise: time does not depend on what is heard. Both ways give every
candidate's enhanced sound on every clip, on one thread. The candidates' thresholds are random and they have all exits,
so that they share as little as candidates can.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from evaluators.nsnet2.evaluation import Utterance, enhance
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2, fit_heads
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, PRESETS
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.speech.stft import spectrum
from evaluators.training.threads import one_thread

SECONDS = (2.0, 4.0)
"""Shortest and longest clip."""


def clips(n: int, rng: np.random.Generator) -> list[EvaluationClip]:
    """Noise of changing loudness."""
    found = []
    for k in range(n):
        t = np.arange(round(rng.uniform(*SECONDS) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        speech = (0.1 * rng.standard_normal(len(t)) * np.sin(5 * t) ** 2).astype(np.float32)
        noise = (0.02 * rng.standard_normal(len(t))).astype(np.float32)
        found.append(EvaluationClip(str(k), speech + noise, speech))
    return found


def seconds(prepared: PreparedNsNet2, utterances: Sequence[Utterance], batches: Sequence[Sequence[Route]]) -> float:
    """Time for all batches, transforming the clips anew for each: what an evaluation call does."""
    started = time.perf_counter()
    for routes in batches:
        anew = [replace(u, spectra=spectrum(torch.from_numpy(u.clip.noisy))) for u in utterances]
        for _ in enhance(prepared, anew, routes, [{} for _ in routes]):
            pass
    return time.perf_counter() - started


def measure(n_candidates: int, n_clips: int) -> dict[str, float]:
    """Seconds together, and one candidate at a time: estimated from the first eight."""
    rng = np.random.default_rng(0)
    made = clips(n_clips, rng)
    torch.manual_seed(0)
    network = NsNet2(replace(PRESETS["small"], exits=EARLY_EXITS)).eval()
    with one_thread():
        prepared = PreparedNsNet2(network, fit_heads(network, made[:8]), "")
        utterances = [Utterance(clip, spectrum(torch.from_numpy(clip.noisy))) for clip in made]
        routes = [
            Route(tuple((exit_, float(rng.uniform(0.05, 0.95))) for exit_ in EARLY_EXITS), "final")
            for _ in range(n_candidates)
        ]
        together = seconds(prepared, utterances, [routes])
        alone = seconds(prepared, utterances, [[route] for route in routes[:8]]) * n_candidates / 8
        one_by_one = sum(seconds(prepared, [u], [[routes[0]]]) for u in utterances) * n_candidates
    return {
        "together_s": together,
        "one_candidate_at_a_time_s": alone,
        "one_candidate_and_clip_at_a_time_s": one_by_one,
        "speed_up": alone / together,
        "speed_up_over_single_clips": one_by_one / together,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=64)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.candidates, arguments.clips)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:36} {value:8.2f}")


if __name__ == "__main__":
    main()
