"""Inference as a device does it: one step of sound in, one out, each block with the weights that it needs just then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from evaluators.demucs.blocks import decode, encode, inputs_to_keep
from evaluators.demucs.inference import Slices
from evaluators.demucs.router import Router, decisions
from evaluators.demucs.schedules import Schedule, check_schedule, uniform
from evaluators.demucs.sound import Back, Front, padded_length
from evaluators.errors import EvaluationError
from evaluators.speech.sound import Samples


class Chooser(Protocol):
    """Says how wide the blocks are in the next step."""

    def __call__(self, leveled: Tensor) -> Schedule:
        """The schedule of a step, whose sound is of shape (1, step_samples)."""


class Fixed:
    """The same schedule in every step."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __call__(self, leveled: Tensor) -> Schedule:
        """That schedule."""
        return self._schedule


class Routing:
    """A router at work on one stream."""

    def __init__(self, slices: Slices, router: Router, bias: float) -> None:
        self._shape = slices.shape
        self._router = router
        self._bias = bias
        self._past = torch.zeros(1, router.sizes.kernel - router.sizes.stride)
        self._state: Tensor | None = None
        self.chosen: list[int] = []

    def __call__(self, leveled: Tensor) -> Schedule:
        """One factor for all blocks."""
        features = self._router.features(leveled, self._past)
        self._past = torch.cat([self._past, leveled], dim=1)[:, -self._past.shape[1] :]
        states = self._router.recurrence(features, self._state)
        self._state = states[:, -1]
        self.chosen.append(int(decisions(self._router.logits(states), self._bias)))
        return uniform(self._shape, self._shape.ufs[self.chosen[-1]])


class StreamingDemucs:
    """A network at work on one stream; states move on with every step.

    Args:
        slices: Of the network.
        choose: Says how wide the blocks are.
    """

    def __init__(self, slices: Slices, choose: Chooser) -> None:
        self._slices = slices
        self._choose = choose
        shape = slices.shape
        self._front, self._back = Front(shape), Back(shape)
        self._pasts: list[Tensor | None] = [None] * shape.depth
        self._rests: list[Tensor | None] = [None] * shape.depth
        self._state: Tensor | None = None

    @torch.inference_mode()
    def process(self, step: Samples) -> Samples:
        """Take in the next step and give out one, `resampling_delay` samples late; shape (step_samples,)."""
        heard = torch.from_numpy(step)[None]
        x, levels = self._front(heard)
        schedule = self._choose(heard / levels)
        check_schedule(self._slices.shape, schedule)
        y = self._network(x[..., None], schedule)
        if self._slices.shape.has_input_skip:
            y = y + x[..., None]
        played: Samples = self._back(y[..., 0], levels)[0].numpy()
        return played

    def _network(self, x: Tensor, schedule: Schedule) -> Tensor:
        depth, skips = self._slices.shape.depth, []
        for k, uf in enumerate(schedule[:depth]):
            weights = self._slices.encoder(k, uf)
            past, self._pasts[k] = self._pasts[k], inputs_to_keep(weights, x, self._pasts[k])
            x = encode(weights, x, past)
            skips.append(x)
        x = self._slices.bottleneck(x, self._state)
        self._state = x[:, -1]
        for k, uf in enumerate(schedule[depth:]):
            decoder, is_last = self._slices.decoder(depth + k, uf), k == depth - 1
            decoded = decode(decoder, x, skips.pop(), self._rests[k], is_last=is_last)
            x, self._rests[k] = decoded.y, decoded.rest
        return x


def enhance_stream(slices: Slices, choose: Chooser, samples: Samples) -> Samples:
    """A whole sound through a fresh stream, of the same length: its delay is taken away.

    Raises:
        EvaluationError: If the sound is shorter than one step.
    """
    shape = slices.shape
    check_length(len(samples), shape.step_samples)
    heard = np.zeros(padded_length(shape, len(samples)), dtype=np.float32)
    heard[: len(samples)] = samples
    stream = StreamingDemucs(slices, choose)
    played: Sequence[Samples] = [stream.process(step) for step in heard.reshape(-1, shape.step_samples)]
    whole: Samples = np.concatenate(played)[shape.resampling_delay :][: len(samples)]
    return whole


def check_length(n_samples: int, step_samples: int, name: str = "the sound") -> None:
    """Whether there is anything to run.

    Raises:
        EvaluationError: If the sound is shorter than one step.
    """
    if n_samples < step_samples:
        raise EvaluationError(f"{name} has {n_samples} samples; one step of the bottleneck takes {step_samples}")
