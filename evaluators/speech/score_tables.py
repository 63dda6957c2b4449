"""Sums up the scores of many clips: means, standard errors, and the table that they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.errors import EvaluationError
from evaluators.speech.clip_scores import Score

DECIMALS = 5
"""Of means and standard errors. Networks that are run on several clips or for several candidates at a time give sounds
that differ in their last bits with the company, and scores that differ by some 1e-8; a hundredth of what a metric can
tell is a thousand times that. To round the sound instead would not do: of 100,000 samples, some always lie where the
last bits decide which way they go."""


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one candidate.

    Attributes:
        clips: Names of the clips.
        scores: For each clip, metric -> score; the same metrics everywhere.
    """

    clips: Sequence[str]
    scores: Sequence[Mapping[str, Score]]

    def means(self) -> dict[str, float]:
        """Metric -> mean over the clips that it can score at all, rounded to DECIMALS.

        Raises:
            EvaluationError: If a metric can score none of them.
        """
        means = {}
        for metric in self._metrics():
            values = self._values(metric)
            if not values:
                reason = self.scores[0][metric].reason
                raise EvaluationError(f"{metric} can score none of {len(self.clips)} clips; {self.clips[0]}: {reason}")
            means[metric] = round(float(np.mean(values)), DECIMALS)
        return means

    def standard_errors(self) -> dict[str, float]:
        """Metric -> standard error of its mean, rounded alike; metrics with fewer than two clips are left out."""
        found = {metric: self._values(metric) for metric in self._metrics()}
        return {
            metric: round(float(np.std(values, ddof=1)) / math.sqrt(len(values)), DECIMALS)
            for metric, values in found.items()
            if len(values) > 1
        }

    def rows(self) -> list[dict[str, str | float | None]]:
        """One row for each clip: `clip`, its metrics, and `reasons` where values were not measured. JSON-able."""
        rows = []
        for clip, scores in zip(self.clips, self.scores, strict=True):
            row: dict[str, str | float | None] = {"clip": clip}
            row |= {metric: score.value for metric, score in scores.items()}
            reasons = [f"{metric}: {score.reason}" for metric, score in scores.items() if score.reason]
            if reasons:
                row["reasons"] = "; ".join(reasons)
            rows.append(row)
        return rows

    def n_marked(self) -> dict[str, int]:
        """Metric -> clips whose value was not measured; metrics without any are left out."""
        counts = {metric: sum(bool(of_clip[metric].reason) for of_clip in self.scores) for metric in self._metrics()}
        return {metric: count for metric, count in counts.items() if count}

    def _metrics(self) -> list[str]:
        return list(self.scores[0]) if self.scores else []

    def _values(self, metric: str) -> list[float]:
        return [value for of_clip in self.scores if (value := of_clip[metric].value) is not None]
