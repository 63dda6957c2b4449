"""What routes sound like, and which exit each frame takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evaluators.enhancement.illustration import given_sounds, shown_clips, sound
from evaluators.enhancement.utterances import Utterance
from evaluators.illustrations import Illustration, Steps
from evaluators.nsnet2.evaluation import enhance
from evaluators.nsnet2.inference import run_routes
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EXITS, Exit
from evaluators.speech.evaluation_sets import EvaluationClip, EvaluationSet
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.stft import log_power


def illustrate_routes(prepared: PreparedNsNet2, clips: EvaluationSet, routes: Sequence[Route]) -> list[Illustration]:
    """The first clips as they are, by every fixed exit and by every route; the exits taken in the first of them."""
    shown = shown_clips(clips)
    return [item for k, clip in enumerate(shown) for item in _of_clip(prepared, clip, routes, with_exits=k == 0)]


def _of_clip(
    prepared: PreparedNsNet2, clip: EvaluationClip, routes: Sequence[Route], *, with_exits: bool
) -> Iterator[Illustration]:
    yield from given_sounds(clip)
    fixed: tuple[Exit, ...] = (*prepared.network.shape.exits, "final")
    different = list(dict.fromkeys([*(Route((), exit_) for exit_ in fixed), *routes]))
    utterance = Utterance(clip)
    portions = enhance(prepared, [utterance], different, [{} for _ in different])
    samples = {different[e.route]: e.samples for portion in portions for e in portion}
    for exit_ in fixed:
        yield sound(clip, samples[Route((), exit_)], f"fixed exit {exit_}")
    for i, route in enumerate(routes):
        yield sound(clip, samples[route], of=i)
    if with_exits:
        yield from _exits_taken(prepared, utterance, routes)


def _exits_taken(prepared: PreparedNsNet2, utterance: Utterance, routes: Sequence[Route]) -> Iterator[Steps]:
    x = log_power(utterance.spectra)
    exits = run_routes(prepared.network, prepared.heads, routes, x, [len(x)]).exits
    title = f"Exit that each frame takes in {utterance.clip.name}"
    for i, taken in enumerate(exits):
        yield Steps(title, EXITS, taken.tolist(), 1000 / FRAMES_PER_SECOND, i)
