"""How much faster many threshold settings are evaluated together than one at a time, PESQ aside.

    python -m benchmarks.nsnet2_batches [--candidates 64] [--clips 40] [--json]

Random weights of the small network on synthesized noise: time does not depend on what is heard. All ways give every
candidate's enhanced sound on every clip, on one thread; what is timed is processor time of this process.

Two populations: `random` candidates have all exits and random thresholds, so that they share as little as candidates
can; `searched` ones are a generation as NSGA-II breeds it, where placements differ and values are inherited. Two ways
to go one at a time: a plain implementation, candidate by candidate and clip by clip with PyTorch's own layers, and our
own code given one candidate, with all clips at once.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from evaluators.enhancement.utterances import Utterance
from evaluators.nsnet2.evaluation import enhance
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import PreparedNsNet2, fit_heads
from evaluators.nsnet2.routes import Route, placements, route
from evaluators.nsnet2.shape import EARLY_EXITS, PRESETS
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.speech.stft import log_power, spectrum, waveform
from evaluators.training.threads import one_thread

SECONDS = (2.0, 4.0)
"""Shortest and longest clip."""
N_ALONE = 8
"""Candidates that are measured one at a time; the time of all follows from theirs."""
INHERITED = 0.9
"""Share of the values of a bred generation that come from a parent unchanged."""
N_PARENTS = 16


def clips(n: int, rng: np.random.Generator) -> list[EvaluationClip]:
    """Noise of changing loudness."""
    found = []
    for k in range(n):
        t = np.arange(round(rng.uniform(*SECONDS) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        speech = (0.1 * rng.standard_normal(len(t)) * np.sin(5 * t) ** 2).astype(np.float32)
        noise = (0.02 * rng.standard_normal(len(t))).astype(np.float32)
        found.append(EvaluationClip(str(k), speech + noise, speech))
    return found


def random_routes(n: int, rng: np.random.Generator) -> list[Route]:
    """All exits, independent thresholds."""
    return [Route(tuple((exit_, float(rng.uniform(0.05, 0.95))) for exit_ in EARLY_EXITS), "final") for _ in range(n)]


def searched_routes(n: int, rng: np.random.Generator) -> list[Route]:
    """A generation: each value is one of the parents', or now and then a new one."""

    def drawn() -> dict[str, float | str]:
        thresholds = {f"exit_thresholds.{exit_}": float(rng.uniform()) for exit_ in EARLY_EXITS}
        return {"exits.placement": str(rng.choice(placements(EARLY_EXITS))), **thresholds}

    parents = [drawn() for _ in range(N_PARENTS)]
    found: dict[Route, None] = {}
    while len(found) < n:
        one, other, fresh = parents[rng.integers(N_PARENTS)], parents[rng.integers(N_PARENTS)], drawn()
        child = {
            name: (one if rng.random() < 0.5 else other)[name] if rng.random() < INHERITED else fresh[name]
            for name in fresh
        }
        found[route(child)] = None
    return list(found)


@torch.inference_mode()
def plainly(prepared: PreparedNsNet2, clip: EvaluationClip, taken: Route) -> Tensor:
    """One clip by one route, stage by stage, in as few lines as it takes; shape (n_samples,)."""
    network = prepared.network
    spectra = spectrum(torch.from_numpy(clip.noisy))
    x, frames = log_power(spectra), torch.arange(len(spectra))
    mask = torch.empty(spectra.shape)
    for stage in EARLY_EXITS:
        if not len(frames):
            break
        leaves = torch.zeros(len(frames), dtype=torch.bool)
        if stage in taken.exits:
            cell = network.exit_layer(stage).cell
            features = cell(x) if stage == "fc1" else cell(x)[0]
            threshold = taken.threshold(stage)
            head = prepared.heads.get(stage)
            leaves = ~leaves
            if threshold is not None and head is not None:
                leaves = head.scores(features) >= head.score_threshold(threshold)
            mask[frames[leaves]] = network.mask(stage, features[leaves])
        x, frames = x[~leaves], frames[~leaves]
        if len(frames):
            cell = network.trunk(stage).cell
            x = cell(x) if stage == "fc1" else cell(x)[0]
    if len(frames):
        mask[frames] = network.mask("final", x)
    return waveform(spectra * mask, len(clip.noisy))


def together(prepared: PreparedNsNet2, made: Sequence[EvaluationClip], routes: Sequence[Route]) -> None:
    """All clips by all routes, transforming the clips anew: what an evaluation call does."""
    utterances = [Utterance(clip) for clip in made]
    for _ in enhance(prepared, utterances, routes, [{} for _ in routes]):
        pass


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(n_candidates: int, n_clips: int) -> dict[str, dict[str, float]]:
    """Population -> seconds and ratios."""
    rng = np.random.default_rng(0)
    made = clips(n_clips, rng)
    torch.manual_seed(0)
    network = NsNet2(replace(PRESETS["small"], exits=EARLY_EXITS)).eval()
    found = {}
    with one_thread():
        prepared = PreparedNsNet2(network, fit_heads(network, made[:8]), "")
        for name, drawn in (("random", random_routes), ("searched", searched_routes)):
            routes = drawn(n_candidates, rng)
            some = routes[:: max(n_candidates // N_ALONE, 1)]
            share = n_candidates / len(some)
            together(prepared, made, routes[:2])
            all_s = seconds(lambda routes=routes: together(prepared, made, routes))
            alone_s = share * seconds(lambda some=some: [together(prepared, made, [one]) for one in some])
            plain_s = share * seconds(lambda some=some: [plainly(prepared, clip, one) for one in some for clip in made])
            found[name] = {
                "together_s": all_s,
                "one_candidate_at_a_time_plainly_s": plain_s,
                "one_candidate_at_a_time_our_code_s": alone_s,
                "speed_up_over_plain": plain_s / all_s,
                "speed_up_over_our_code": alone_s / all_s,
            }
    return found


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
    for population, values in found.items():
        for name, value in values.items():
            print(f"{population:10} {name:36} {value:8.2f}")


if __name__ == "__main__":
    main()
