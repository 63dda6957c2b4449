"""How much faster many schedules are evaluated together than one at a time, PESQ aside.

    python -m benchmarks.demucs_batches [--schedules 200] [--clips 24] [--json]

Random weights of the small network on noise: time does not depend on what is heard. Both ways give every schedule's
enhanced sound on every clip, on one thread. Schedules are of two kinds: `random`, whose blocks have factors of their
own, so that they share little; `late`, which differ in the decoder only. A separate run makes the clips ready for
itself, and is given them one by one; the time of all is that of the first few, times their number.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.nsnet2_batches import clips
from evaluators.demucs.evaluation import portions, sounds
from evaluators.demucs.inference import Slices, run_schedules
from evaluators.demucs.network import SlimmableDemucs
from evaluators.demucs.schedules import Schedule
from evaluators.demucs.shape import PRESETS
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.training.threads import one_thread

N_ALONE = 4
"""Schedules that are run alone, to estimate the time of all."""


def seconds(slices: Slices, sets: Sequence[Sequence[EvaluationClip]], wanted: Sequence[Schedule]) -> float:
    """Time for all schedules on all sets of clips, from the clips on."""
    started = time.perf_counter()
    for made in sets:
        for part in portions(slices.shape, made):
            for slimmed in run_schedules(slices, wanted, part.prepared.x):
                sounds(slices.shape, part, slimmed.y)
    return time.perf_counter() - started


def measure(n_schedules: int, n_clips: int) -> dict[str, dict[str, float]]:
    """Seconds together, and separately: estimated from the first few."""
    rng = np.random.default_rng(0)
    made = clips(n_clips, rng)
    torch.manual_seed(0)
    slices = Slices(SlimmableDemucs(PRESETS["small"]).eval())
    found = {}
    with one_thread():
        for name, n_shared in (("random", 0), ("late", slices.shape.depth)):
            wanted = _drawn(rng, n_schedules, slices, n_shared)
            together = seconds(slices, [made], wanted)
            alone = sum(seconds(slices, [[clip] for clip in made], [one]) for one in wanted[:N_ALONE])
            alone *= n_schedules / N_ALONE
            found[name] = {"together_s": together, "separately_s": alone, "speed_up": alone / together}
    return found


def _drawn(rng: np.random.Generator, n: int, slices: Slices, n_shared: int) -> list[Schedule]:
    """Different schedules whose first blocks are alike."""
    shape, drawn = slices.shape, dict[Schedule, None]()
    while len(drawn) < n:
        free = rng.choice(shape.ufs, len(shape.blocks) - n_shared)
        drawn[(*[shape.ufs[-2]] * n_shared, *map(float, free))] = None
    return list(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.schedules, arguments.clips)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for kind, figures in found.items():
        print(f"{kind:8}", ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
