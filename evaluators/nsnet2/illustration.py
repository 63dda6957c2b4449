"""What routes sound like, and which exit each frame takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from evaluators.illustrations import Illustration, Sound, Steps
from evaluators.nsnet2.evaluation import Utterance, enhance
from evaluators.nsnet2.inference import run_routes
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EXITS, Exit
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.players import flac
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.speech.stft import log_power, spectrum

N_CLIPS = 3
MAX_SECONDS = 4.0
"""Of each clip: what is listened to travels inside the report."""


def illustrate_routes(prepared: PreparedNsNet2, clips: EvaluationSet, routes: Sequence[Route]) -> list[Illustration]:
    """The first clips as they are, by every fixed exit and by every route; the exits taken in the first of them."""
    shown = [_beginning(clips[k]) for k in range(min(N_CLIPS, len(clips)))]
    return [item for k, clip in enumerate(shown) for item in _of_clip(prepared, clip, routes, with_exits=k == 0)]


def _beginning(clip: EvaluationClip) -> EvaluationClip:
    n_samples = round(MAX_SECONDS * SAMPLE_RATE_HZ)
    return EvaluationClip(clip.name, clip.noisy[:n_samples], clip.clean[:n_samples])


def _of_clip(
    prepared: PreparedNsNet2, clip: EvaluationClip, routes: Sequence[Route], *, with_exits: bool
) -> Iterator[Illustration]:
    yield Sound(clip.name, "noisy", flac(clip.noisy), "flac")
    yield Sound(clip.name, "clean", flac(clip.clean), "flac")
    fixed: tuple[Exit, ...] = (*prepared.network.shape.exits, "final")
    different = list(dict.fromkeys([*(Route((), exit_) for exit_ in fixed), *routes]))
    utterance = Utterance(clip, spectrum(torch.tensor(clip.noisy)))
    portions = enhance(prepared, [utterance], different, [{} for _ in different])
    sounds = {different[e.route]: flac(e.samples) for portion in portions for e in portion}
    for exit_ in fixed:
        yield Sound(clip.name, f"fixed exit {exit_}", sounds[Route((), exit_)], "flac")
    for i, route in enumerate(routes):
        yield Sound(clip.name, "", sounds[route], "flac", i)
    if with_exits:
        yield from _exits_taken(prepared, utterance, routes)


def _exits_taken(prepared: PreparedNsNet2, utterance: Utterance, routes: Sequence[Route]) -> Iterator[Steps]:
    x = log_power(utterance.spectra)
    exits = run_routes(prepared.network, prepared.heads, routes, x, [len(x)]).exits
    title = f"Exit that each frame takes in {utterance.clip.name}"
    for i, taken in enumerate(exits):
        yield Steps(title, EXITS, taken.tolist(), 1000 / FRAMES_PER_SECOND, i)
