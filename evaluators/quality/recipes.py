"""Which widths need a fine-tuning of their own, so that widths that need the same one share its weights."""

from __future__ import annotations

from evaluators.quality.training_options import TrainingOptions
from evaluators.quality.widths import FLOAT_BITS, Widths


def recipe_of(widths: Widths, options: TrainingOptions) -> Widths:
    """The widths that a network is fine-tuned with: the low ones, and 32 for those that it is rounded to afterwards."""
    return Widths(
        tuple(bits if bits <= options.fine_tuned_map_bits else FLOAT_BITS for bits in widths.maps),
        tuple(bits if bits <= options.fine_tuned_weight_bits else FLOAT_BITS for bits in widths.weights),
    )
