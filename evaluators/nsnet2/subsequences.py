"""Frames that go on where others have left: a network whose states wait runs over the rest as if it were all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Subsequences:
    """Some frames of each of several sequences, in order and without gaps.

    Attributes:
        index: Number of the frame in its sequence, int64, shape (n_sequences, n_steps).
        lengths: Frames of each that count, int64, shape (n_sequences,); the others are of no meaning.
    """

    index: Tensor
    lengths: Tensor

    @classmethod
    def whole(cls, lengths: Tensor) -> Subsequences:
        """All frames of sequences of these lengths."""
        index = torch.arange(int(lengths.max()), device=lengths.device)
        return cls(index.expand(len(lengths), -1), lengths)

    @property
    def is_frame(self) -> Tensor:
        """Which steps count, shape (n_sequences, n_steps)."""
        steps = torch.arange(self.index.shape[1], device=self.index.device)
        return steps < self.lengths[:, None]

    def narrowed(self, keep: Tensor) -> tuple[Subsequences, Tensor]:
        """The frames that are kept.

        Args:
            keep: Shape (n_sequences, n_steps); steps that do not count are dropped anyway.

        Returns:
            The subsequences, and the step that each of their steps was, for `gathered`.
        """
        keep = keep & self.is_frame
        lengths = keep.sum(dim=1)
        steps = torch.argsort(keep.logical_not().to(torch.uint8), dim=1, stable=True)[:, : int(lengths.max())]
        return Subsequences(self.index.gather(1, steps), lengths), steps


def gathered(x: Tensor, steps: Tensor) -> Tensor:
    """The steps of x, shape (n_sequences, n_chosen, n_features) for x (n_sequences, n_steps, n_features)."""
    return x.gather(1, steps[..., None].expand(-1, -1, x.shape[-1]))
