"""Sums up the scores of many clips: means, standard errors, and the table that they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.errors import EvaluationError
from evaluators.speech.clip_scores import Score


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
        """Metric -> mean over the clips that it can score at all.

        Raises:
            EvaluationError: If a metric can score none of them.
        """
        means = {}
        for metric in self._metrics():
            values = self._values(metric)
            if not values:
                reason = self.scores[0][metric].reason
                raise EvaluationError(f"{metric} can score none of {len(self.clips)} clips; {self.clips[0]}: {reason}")
            means[metric] = float(np.mean(values))
        return means

    def standard_errors(self) -> dict[str, float]:
        """Metric -> standard error of its mean; metrics with fewer than two clips are left out."""
        found = {metric: self._values(metric) for metric in self._metrics()}
        return {
            metric: float(np.std(values, ddof=1)) / math.sqrt(len(values))
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
