"""Dynamic inference, whole utterances and many routes at a time.

A frame that leaves early touches no later layer, and their states wait. So the frames that go on are, to the next
stage, a sequence of their own: decisions are taken frame by frame, yet every stage runs once over whole sequences.
Each state of a layer is told by what the layer has read so far; routes share all that is the same up to there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluators.nsnet2.confidence import ConfidenceHead
from evaluators.nsnet2.histories import NONE, Histories, Ids, kept, run_histories
from evaluators.nsnet2.network import Layer, NsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, EXITS, EarlyExit, Exit

Heads = Mapping[EarlyExit, ConfidenceHead]


@dataclass(frozen=True)
class Leaving:
    """What leaves at an exit; what is the same for several routes, once.

    Attributes:
        exit: The exit.
        features: What its mask reads, shape (n_leaving, n_features).
        frames: Which frames these are, shape (n_leaving,).
    """

    exit: Exit
    features: Tensor
    frames: Ids


@dataclass(frozen=True)
class Outcome:
    """What routes make of frames.

    Attributes:
        leaving: All that leaves, exit by exit.
        rows: For each route and frame, its place among all that leaves, shape (n_routes, n_frames).
        exits: For each route and frame, the number of its exit in EXITS, of the same shape.
    """

    leaving: Sequence[Leaving]
    rows: Ids
    exits: NDArray[np.int8]

    def n_leaving(self, route: int) -> dict[Exit, int]:
        """Exit -> frames that leave there by a route; without exits that no frame takes."""
        counts = np.bincount(self.exits[route], minlength=len(EXITS))
        return {exit_: int(n) for exit_, n in zip(EXITS, counts, strict=True) if n}


@torch.inference_mode()
def run_routes(network: NsNet2, heads: Heads, routes: Sequence[Route], x: Tensor, lengths: Sequence[int]) -> Outcome:
    """Where every frame leaves by every route, and with which features.

    Args:
        network: On the device of x.
        heads: Of the early exits that routes have a threshold for.
        routes: Best without repeats.
        x: Log power spectra of all utterances, one after another, shape (n_frames, n_bins).
        lengths: Frames of each utterance, at least 1 each; n_frames in all.
    """
    pass_ = _Pass(network, heads, routes, len(x))
    on_the_way = _OnTheWay.start(len(routes), lengths, x)
    for stage in EARLY_EXITS:
        on_the_way = pass_.after_stage(stage, on_the_way)
    pass_.leave("final", on_the_way, on_the_way.ids != NONE)
    return Outcome(pass_.leaving, pass_.rows, pass_.exits)


@dataclass(frozen=True)
class _OnTheWay:
    """What has not left yet: each sequence is an utterance by a route.

    Attributes:
        routes: Of each sequence, shape (n_sequences,).
        frames: Number of each frame that is left, or NONE behind the end, shape (n_sequences, n_steps).
        ids: Row of x that holds each, of the same shape.
        x: What the next stage reads, each different row once, shape (n_rows, n_inputs).
    """

    routes: Ids
    frames: Ids
    ids: Ids
    x: Tensor

    @classmethod
    def start(cls, n_routes: int, lengths: Sequence[int], x: Tensor) -> _OnTheWay:
        """All frames of all utterances, for every route."""
        steps = np.arange(max(lengths))
        starts = np.cumsum([0, *lengths[:-1]])
        one = np.where(steps < np.array(lengths)[:, None], starts[:, None] + steps, NONE)
        frames = np.tile(one, (n_routes, 1))
        return cls(np.repeat(np.arange(n_routes), len(lengths)), frames, frames, x)

    def of(self, chosen: NDArray[np.bool_]) -> _OnTheWay:
        """Some of the sequences."""
        return _OnTheWay(self.routes[chosen], self.frames[chosen], self.ids[chosen], self.x)

    def keep(self, keep: NDArray[np.bool_]) -> _OnTheWay:
        """The frames to keep, shape (n_sequences, n_steps), without sequences that have none."""
        some = keep.any(axis=1)
        frames, ids = kept([self.frames[some], self.ids[some]], keep[some])
        return _OnTheWay(self.routes[some], frames, ids, self.x)

    def through(self, layer: Layer) -> _OnTheWay:
        """All of it, run through a layer."""
        if isinstance(layer.cell, nn.Linear):
            return _OnTheWay(self.routes, self.frames, self.ids, layer.cell(self.x))
        histories = Histories.of(self.ids)
        return _OnTheWay(self.routes, self.frames, histories.nodes, run_histories(layer.cell, self.x, histories))


class _Pass:
    """One pass over the stages."""

    def __init__(self, network: NsNet2, heads: Heads, routes: Sequence[Route], n_frames: int) -> None:
        self._network = network
        self._heads = heads
        self._routes = routes
        self.leaving: list[Leaving] = []
        self._n_rows = 0
        self.rows: Ids = np.full((len(routes), n_frames), NONE, np.int64)
        self.exits: NDArray[np.int8] = np.full((len(routes), n_frames), NONE, np.int8)

    def after_stage(self, stage: EarlyExit, reaching: _OnTheWay) -> _OnTheWay:
        """Let the frames leave that are sure enough, and take the others to the next stage."""
        is_split = self._network.shape.is_split
        if not is_split:
            reaching = reaching.through(self._network.trunk(stage))
        staying = reaching.ids != NONE
        # Per route: leaves here from this score on; None: has no exit here.
        limits = [self._limit(stage, route) for route in self._routes]
        has_exit = np.array([limit is not None for limit in limits])[reaching.routes]
        if has_exit.any():
            at_exit = reaching.of(has_exit)
            if is_split:
                at_exit = at_exit.through(self._network.exit_layer(stage))
            least = np.array([np.inf if limit is None else limit for limit in limits])[at_exit.routes]
            leaves = self._leaves(stage, at_exit, least)
            self.leave(stage, at_exit, leaves)
            staying[has_exit] &= ~leaves
        staying_on = reaching.keep(staying)
        return staying_on.through(self._network.trunk(stage)) if is_split else staying_on

    def leave(self, exit_: Exit, at_exit: _OnTheWay, leaves: NDArray[np.bool_]) -> None:
        """Note what leaves; `leaves` has the shape of the frames."""
        if not leaves.any():
            return
        ids, places = np.unique(at_exit.ids[leaves], return_inverse=True)
        frames = at_exit.frames[leaves]
        routes = np.broadcast_to(at_exit.routes[:, None], leaves.shape)[leaves]
        self.rows[routes, frames] = self._n_rows + places
        self.exits[routes, frames] = EXITS.index(exit_)
        frames_of_rows = np.empty(len(ids), np.int64)
        frames_of_rows[places] = frames
        features = at_exit.x[torch.from_numpy(ids).to(at_exit.x.device)]
        self.leaving.append(Leaving(exit_, features, frames_of_rows))
        self._n_rows += len(ids)

    def _limit(self, stage: EarlyExit, route: Route) -> float | None:
        if stage not in route.exits:
            return None
        threshold = route.threshold(stage)
        return -np.inf if threshold is None else self._heads[stage].score_threshold(threshold)

    def _leaves(self, stage: EarlyExit, at_exit: _OnTheWay, least: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which frames leave; `least` is the score from which on they do, of each sequence."""
        is_frame: NDArray[np.bool_] = at_exit.ids != NONE
        if np.isneginf(least).all():
            return is_frame
        scores = self._heads[stage].scores(at_exit.x).cpu().numpy()
        # In the precision of the scores, as one at a time.
        return is_frame & (scores[at_exit.ids] >= least.astype(np.float32)[:, None])
