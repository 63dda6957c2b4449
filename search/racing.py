"""Racing: candidates are measured on a share of the data first; those clearly dominated there see no more of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from search.objectives import Objectives
from search.records import TrialRecord
from spaces import Options

FEWEST_CLIPS = 3
"""Differences clip by clip below this number say nothing of their spread."""


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    if any(not 0 < share < 1 for share in shares) or list(shares) != sorted(set(shares)):
        raise ValueError("shares must rise, each above 0 and below 1, e.g. [0.25, 0.5]")
    return shares


class Racing(Options):
    """How candidates are raced."""

    shares: Annotated[tuple[float, ...], AfterValidator(_rising)] = Field(
        default=(),
        strict=False,
        description="of the validation data, rising, after each of which the clearly dominated are dropped",
    )
    confidence: float = Field(
        default=0.99, gt=0.5, lt=1, description="with which a candidate must be worse in each measured objective"
    )


OnShare = Callable[[float, Sequence[TrialRecord]], Sequence[TrialRecord]]
"""A share of the data and trials -> what it says of them, without those that it says nothing of."""


@dataclass(frozen=True)
class Race:
    """Decides who is out.

    Attributes:
        options: After which shares, and how sure to be.
        objectives: What counts.
    """

    options: Racing
    objectives: Objectives

    def losers(
        self, candidates: Sequence[TrialRecord], front: Sequence[TrialRecord], on_share: OnShare
    ) -> list[TrialRecord]:
        """Pruned records of the candidates that a member of the front clearly dominates on one of the shares.

        Args:
            candidates: Not measured yet.
            front: Known on all data; measured on the shares as well.
            on_share: Measures.
        """
        known = {record.trial: record for record in front}
        lost: list[TrialRecord] = []
        for share in self.options.shares:
            rivals, racing = on_share(share, front), on_share(share, candidates)
            beaten = [(c, winner) for c in racing if (winner := self.winner(c, rivals)) is not None]
            lost += [self._pruned(c, winner, known[winner.trial]) for c, winner in beaten]
            gone = {record.trial for record in lost}
            candidates = [c for c in candidates if c.trial not in gone]
        return lost

    def _pruned(self, candidate: TrialRecord, winner: TrialRecord, winner_in_full: TrialRecord) -> TrialRecord:
        """The record of a loser, with what all data would probably say.

        A share may be easier or harder than all data; by how much, the winner knows. Without this, losers measured on
        an easy share would look better than the front.
        """
        estimated = {
            name: candidate.value(name) + winner_in_full.value(name) - winner.value(name)
            for name in self.objectives.names
        }
        return replace(candidate, state="pruned", reason=_reason(winner), estimated=estimated)

    def winner(self, candidate: TrialRecord, rivals: Sequence[TrialRecord]) -> TrialRecord | None:
        """The first rival that clearly dominates the candidate, both measured on the same share of the data.

        It is at least as good in every cost, and better by more than chance explains in every metric: in the mean of
        the differences clip by clip (Student's t, one-sided) or, where no clips are told, in view of both standard
        errors. A metric without either is never clear, nor are costs alone.
        """
        return next((rival for rival in rivals if self._is_beaten(candidate, rival)), None)

    def _is_beaten(self, candidate: TrialRecord, rival: TrialRecord) -> bool:
        pairs = zip(self.objectives.minimized(candidate), self.objectives.minimized(rival), strict=True)
        gaps = dict(zip(self.objectives.names, (ours - theirs for ours, theirs in pairs), strict=True))
        measured = [name for name in gaps if name in candidate.metrics]
        return (
            bool(measured)
            and all(gap >= 0 for gap in gaps.values())
            and all(gaps[name] > self._margin(candidate, rival, name) for name in measured)
        )

    def _margin(self, candidate: TrialRecord, rival: TrialRecord, name: str) -> float:
        """What a difference in a metric must exceed to be more than chance."""
        from scipy.special import ndtri, stdtrit  # slow to import, and `list` and `check` come by here

        differences = _differences(candidate, rival, name)
        n = len(differences)
        if n >= FEWEST_CLIPS:
            spread = float(differences.std(ddof=1)) / math.sqrt(n)
            return float(stdtrit(n - 1, self.options.confidence)) * spread
        errors = [record.standard_errors.get(name, math.inf) for record in (candidate, rival)]
        return float(ndtri(self.options.confidence)) * math.hypot(*errors)


def _reason(winner: TrialRecord) -> str:
    return f"trial {winner.trial} clearly dominates it on {winner.fidelity:.0%} of the data"


def _differences(a: TrialRecord, b: TrialRecord, name: str) -> NDArray[np.float64]:
    """Differences of a metric on the clips that both have a value of."""
    ours, theirs = _by_clip(a, name), _by_clip(b, name)
    return np.array([ours[clip] - theirs[clip] for clip in ours if clip in theirs], dtype=np.float64)


def _by_clip(record: TrialRecord, name: str) -> Mapping[str, float]:
    values = ((str(row["clip"]), row.get(name)) for row in record.clips)
    return {clip: float(value) for clip, value in values if isinstance(value, int | float)}
