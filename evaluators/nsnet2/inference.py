"""Dynamic inference, whole utterances and many routes at a time.

A frame that leaves early touches no later layer, and their states wait. So the frames that go on are, to the next
stage, a sequence of their own: decisions are taken frame by frame, yet every stage runs once over whole sequences, and
routes share all they have in common up to the exit where they part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from evaluators.nsnet2.confidence import ConfidenceHead
from evaluators.nsnet2.network import Layer, NsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, Exit
from evaluators.nsnet2.subsequences import Subsequences, gathered

Heads = Mapping[EarlyExit, ConfidenceHead]


@dataclass
class RouteResult:
    """What a route makes of some sequences.

    Attributes:
        masks: Gains, shape (n_sequences, n_frames, n_bins); 0 behind the end of a sequence.
        n_leaving: Exit -> frames that left there.
    """

    masks: Tensor
    n_leaving: dict[Exit, int]


@dataclass(frozen=True)
class _Group:
    """Routes that have taken the same decisions so far, with the frames that have not left.

    Attributes:
        routes: Their numbers.
        frames: What is left of each sequence.
        x: What the next stage reads, shape (n_sequences, n_steps, n_inputs).
    """

    routes: tuple[int, ...]
    frames: Subsequences
    x: Tensor


@torch.inference_mode()
def run_routes(network: NsNet2, heads: Heads, routes: Sequence[Route], x: Tensor, lengths: Tensor) -> list[RouteResult]:
    """Masks of every route.

    Args:
        network: On the device of x.
        heads: Of the early exits that routes have a threshold for.
        routes: Best without repeats.
        x: Log power spectra, shape (n_sequences, n_frames, n_bins).
        lengths: Frames of each sequence, at least 1, int64, shape (n_sequences,).
    """
    pass_ = _Pass(network, heads, routes, [RouteResult(x.new_zeros(x.shape), {}) for _ in routes])
    groups = [_Group(tuple(range(len(routes))), Subsequences.whole(lengths), x)]
    for stage in EARLY_EXITS:
        groups = pass_.after_stage(stage, groups)
    for group in groups:
        pass_.leave("final", group, group.x, group.frames.is_frame)
    return pass_.results


@dataclass(frozen=True)
class _Pass:
    """One pass over the stages."""

    network: NsNet2
    heads: Heads
    routes: Sequence[Route]
    results: list[RouteResult]

    def after_stage(self, stage: EarlyExit, groups: Sequence[_Group]) -> list[_Group]:
        """Let the frames leave that are sure enough, and take the others to the next stage."""
        if not self.network.shape.is_split:
            advanced = _through(self.network.trunk(stage), groups)
            return [part for group in advanced for part in self._parted(stage, group, group.x)]
        with_exit = [group for group in groups if any(stage in self.routes[r].exits for r in group.routes)]
        features = {group.routes: of_one.x for group, of_one in self._exit_features(stage, with_exit)}
        parted = [part for group in groups for part in self._parted(stage, group, features.get(group.routes))]
        return _through(self.network.trunk(stage), parted)

    def leave(self, exit_: Exit, group: _Group, features: Tensor, leaves: Tensor) -> None:
        """Give frames the mask of the exit, shape of `leaves`: (n_sequences, n_steps)."""
        mask = self.network.mask(exit_, features[leaves])
        sequence, _ = leaves.nonzero(as_tuple=True)
        for r in group.routes:
            self.results[r].masks[sequence, group.frames.index[leaves]] = mask
            self.results[r].n_leaving[exit_] = len(mask)

    def _exit_features(self, stage: EarlyExit, groups: Sequence[_Group]) -> Iterator[tuple[_Group, _Group]]:
        return zip(groups, _through(self.network.exit_layer(stage), groups) if groups else (), strict=True)

    def _parted(self, stage: EarlyExit, group: _Group, features: Tensor | None) -> Iterator[_Group]:
        """The group without what leaves here, parted by the thresholds of its routes."""
        straight = tuple(r for r in group.routes if stage not in self.routes[r].exits)
        if straight:
            yield replace(group, routes=straight)
        with_exit = [r for r in group.routes if r not in straight]
        if not with_exit:
            return
        assert features is not None, "some route has an exit here"
        for threshold in dict.fromkeys(self.routes[r].threshold(stage) for r in with_exit):
            routes = tuple(r for r in with_exit if self.routes[r].threshold(stage) == threshold)
            leaves = group.frames.is_frame
            if threshold is not None:
                head = self.heads[stage]
                leaves = leaves & (head.scores(features) >= head.score_threshold(threshold))
            part = replace(group, routes=routes)
            self.leave(stage, part, features, leaves)
            frames, steps = group.frames.narrowed(leaves.logical_not())
            if steps.shape[1]:
                yield replace(part, frames=frames, x=gathered(group.x, steps))


def _through(layer: Layer, groups: Sequence[_Group]) -> list[_Group]:
    """Run a layer over all groups at once."""
    if not groups:
        return []
    n_steps = max(group.x.shape[1] for group in groups)
    x = torch.cat([pad(group.x, (0, 0, 0, n_steps - group.x.shape[1])) for group in groups])
    parts = layer(x, torch.cat([group.frames.lengths for group in groups])).chunk(len(groups))
    return [replace(group, x=part[:, : group.x.shape[1]]) for group, part in zip(groups, parts, strict=True)]
