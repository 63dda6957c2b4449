"""Losses of all exits, where some frames leave early and the later layers' states wait for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, Exit
from evaluators.nsnet2.subsequences import Subsequences, gathered
from evaluators.training.spectral_loss import Targets, frame_losses

SMOOTHING_FRAMES = 5
"""Frames leave and stay in runs of about this length, as they do where speech begins and ends."""
FEWEST_STAYING = 0.1

Staying = Mapping[EarlyExit, Tensor]
"""Early exit -> frames that do not leave there, shape (n_sequences, n_frames)."""


@dataclass(frozen=True)
class ExitLosses:
    """Mean losses over the frames that reach an exit.

    Attributes:
        losses: Exit -> loss.
        regressions: Exit -> how much worse it is than the exit before it, on the same frames; at least 0.
    """

    losses: Mapping[Exit, Tensor]
    regressions: Mapping[Exit, Tensor]


def exit_losses(network: NsNet2, x: Tensor, targets: Targets, staying: Staying) -> ExitLosses:
    """Run the network on sequences of equal length.

    Args:
        network: In training, on the device of x.
        x: Log power spectra, shape (n_sequences, n_frames, n_bins).
        targets: Of the same frames.
        staying: For every early exit of the network.
    """
    losses: dict[Exit, Tensor] = {}
    regressions: dict[Exit, Tensor] = {}
    before: Tensor | None = None
    frames = Subsequences.whole(torch.full((len(x),), x.shape[1], device=x.device))

    def note(exit_: Exit, of_frames: Tensor) -> None:
        losses[exit_] = of_frames[frames.is_frame].mean()
        if before is not None:
            # The earlier exit is not to become worse for the sake of order.
            regressions[exit_] = torch.relu((of_frames - before.detach())[frames.is_frame].mean())

    for stage in EARLY_EXITS:
        trunk = network.trunk(stage)
        if stage not in network.shape.exits:
            x = trunk(x, frames.lengths)
            continue
        features = network.exit_layer(stage)(x, frames.lengths)
        of_frames = frame_losses(network.mask(stage, features), targets)
        note(stage, of_frames)
        frames, steps = frames.narrowed(staying[stage].gather(1, frames.index))
        targets = targets.at(steps)
        before = of_frames.gather(1, steps)
        x = trunk(gathered(x, steps), frames.lengths) if network.shape.is_split else gathered(features, steps)
    note("final", frame_losses(network.mask("final", x), targets))
    return ExitLosses(losses, regressions)


def draw_staying(
    exits: tuple[EarlyExit, ...], n_sequences: int, n_frames: int, skipping: float, generator: torch.Generator
) -> dict[EarlyExit, Tensor]:
    """Random runs of frames that stay, a random share of each sequence; all of them in a share 1 - `skipping`."""
    staying: dict[EarlyExit, Tensor] = {}
    skips = torch.rand(n_sequences, 1, generator=generator) < skipping
    for exit_ in exits:
        noise = torch.rand(n_sequences, 1, n_frames, generator=generator)
        smooth = avg_pool1d(noise, SMOOTHING_FRAMES, 1, SMOOTHING_FRAMES // 2)[:, 0, :n_frames]
        ranks = smooth.argsort(dim=1).argsort(dim=1) / n_frames
        share = FEWEST_STAYING + (1 - FEWEST_STAYING) * torch.rand(n_sequences, 1, generator=generator)
        staying[exit_] = (ranks < share) | skips.logical_not()
    return staying
