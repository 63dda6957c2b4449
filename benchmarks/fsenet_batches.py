"""How much faster many pruning ratios are evaluated together than one at a time, PESQ aside.

    python -m benchmarks.fsenet_batches [--candidates 100] [--clips 40] [--json]

Random weights of the small network on noise: time does not depend on what is heard. Both ways give every candidate's
enhanced sound on every clip, on one thread, thresholds from 20 calibration clips included. Candidates are of two kinds:
`random`, whose blocks have ratios of their own from five, so that they share little; `late`, which differ in their last
three blocks, as those do that a search makes of a good one. A separate run transforms the clips and finds its
thresholds for itself, and is given its clips one by one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.nsnet2_batches import clips
from evaluators.enhancement.utterances import Utterance
from evaluators.fsenet.evaluation import CLIPS_AT_ONCE, portions
from evaluators.fsenet.folded import FoldedFsenet, folded
from evaluators.fsenet.inference import Ratios, Rules, run_pruned
from evaluators.fsenet.network import ConvFsenet
from evaluators.fsenet.shape import PRESETS
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.stft import waveform
from evaluators.training.threads import one_thread

CHOICES = (0.0, 0.25, 0.5, 0.75, 0.9)
N_CALIBRATION = 20
N_ALONE = 4
"""Candidates that are run alone, to estimate the time of all."""


def seconds(
    network: FoldedFsenet,
    made: Sequence[EvaluationClip],
    calibration: Sequence[EvaluationClip],
    batches: Sequence[Sequence[Ratios]],
    at_once: int = CLIPS_AT_ONCE,
) -> float:
    """Time for all batches, each from the clips on."""
    started = time.perf_counter()
    for batch in batches:
        (heard,) = portions([*map(Utterance, calibration)], "log_power", at_once=len(calibration))
        rules = Rules(network, "dynamic", heard.x, heard.is_frame)
        rules.find(batch)
        for part in portions([*map(Utterance, made)], "log_power", at_once):
            for pruned in run_pruned(network, batch, rules, part.x, part.is_frame):
                for u, gains in zip(part.utterances, pruned.mask, strict=True):
                    waveform(u.spectra * gains[: len(u.spectra)], len(u.clip.noisy))
    return time.perf_counter() - started


def measure(n_candidates: int, n_clips: int) -> dict[str, dict[str, float]]:
    """Seconds together, and separately: estimated from the first few."""
    rng = np.random.default_rng(0)
    made, calibration = clips(n_clips, rng), clips(N_CALIBRATION, rng)
    torch.manual_seed(0)
    raw = ConvFsenet(PRESETS["small"])
    for gate in raw.gates:
        # Untrained channels have equal scores wherever a gate is silent, which no threshold could tell apart.
        torch.nn.init.normal_(gate.get_parameter("scores"))
    network = folded(raw)
    n_blocks = len(network.blocks)
    random = _drawn(rng, n_candidates, n_blocks, 0)
    late = _drawn(rng, n_candidates, n_blocks, n_blocks - 3)
    found = {}
    with one_thread():
        for name, candidates in (("random", random), ("late", late)):
            together = seconds(network, made, calibration, [candidates])
            alone = seconds(network, made, calibration, [[c] for c in candidates[:N_ALONE]], at_once=1)
            alone *= n_candidates / N_ALONE
            found[name] = {"together_s": together, "separately_s": alone, "speed_up": alone / together}
    return found


def _drawn(rng: np.random.Generator, n: int, n_blocks: int, n_shared: int) -> list[Ratios]:
    """Different candidates whose first blocks are alike."""
    drawn: dict[Ratios, None] = {}
    while len(drawn) < n:
        ratios = rng.choice(CHOICES, n_blocks - n_shared)
        drawn[(*[0.5] * n_shared, *map(float, ratios))] = None
    return list(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.candidates, arguments.clips)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for kind, figures in found.items():
        print(f"{kind:8}", ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
