"""Scores by many widths at once, which share what they begin with, and the scale of the network before rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from evaluators.quality.calibration import line_to
from evaluators.quality.rounded import Rounder, input_of, run_convolution, run_dense
from evaluators.quality.widths import Widths

CLIPS_AT_ONCE = 16
"""Of a pass; the same for any number of widths, so that results do not depend on company."""


@torch.no_grad()
def scores_of(rounder: Rounder, wanted: Sequence[Widths], features: Tensor) -> Mapping[Widths, Tensor]:
    """Scores of every clip, shape (n,), by each of the widths.

    Args:
        rounder: Of the network that all of them are rounded from.
        wanted: Widths.
        features: int8, shape (n, n_frames, n_bands).
    """
    different = list(dict.fromkeys(wanted))
    parts: dict[Widths, list[Tensor]] = {widths: [] for widths in different}
    for start in range(0, len(features), CLIPS_AT_ONCE):
        _descend(rounder, different, 0, input_of(features[start : start + CLIPS_AT_ONCE]), parts)
    return {widths: torch.cat(found) for widths, found in parts.items()}


def scale_scores(rounder: Rounder, wanted: Sequence[Widths], features: Tensor, scores: Tensor) -> None:
    """Lead the scores by each of the widths back to those of the network before it was rounded.

    Rounding weights to very few bits changes the scale of sums, and that of the scores with it.

    Args:
        rounder: Of the network.
        wanted: Widths; what was scaled before stays as it is.
        features: Of calibration examples, int8, shape (n, n_frames, n_bands).
        scores: By the network before rounding, shape (n,).
    """
    missing = [widths for widths in dict.fromkeys(wanted) if not rounder.has_line(widths)]
    for widths, found in scores_of(rounder, missing, features).items():
        factor, offset = line_to(found, scores)
        # Where scores fall as they should rise, no scale makes sense of them.
        rounder.set_line(widths, *((factor, offset) if factor > 0 else (1.0, 0.0)))


def _descend(rounder: Rounder, group: Sequence[Widths], k: int, x: Tensor, parts: dict[Widths, list[Tensor]]) -> None:
    """Run what follows on the input of layer k, which is the same for the whole group."""
    n = rounder.n_convolutions
    if k == n:
        for widths in group:
            parts[widths].append(run_dense(rounder.rounded(widths).dense, x.flatten(1)))
        return
    alike: dict[tuple[int, int], list[Widths]] = {}
    for widths in group:
        alike.setdefault((widths.weights[k], widths.maps[k]), []).append(widths)
    for (weight_bits, map_bits), members in alike.items():
        read = rounder.step(k - 1, members[0].maps[k - 1])
        layer = rounder.layer(k, weight_bits, read)
        y = run_convolution(layer, x, map_bits, rounder.step(k, map_bits), k + 1 == n)
        _descend(rounder, members, k + 1, y, parts)
