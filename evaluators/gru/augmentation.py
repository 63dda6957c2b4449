"""Random changes of training sequences that leave their class what it is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from evaluators.gru.training_options import Augmentation

N_EQUALIZER_POINTS = 4
"""Points along the features between which the equalizer's offsets are interpolated."""


def augment(x: Tensor, lengths: Tensor, options: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Change a padded batch; beyond its edges a sequence goes on as it is there.

    Args:
        x: Shape (n_sequences, n_steps, n_features).
        lengths: Shape (n_sequences,).
        options: How far.
        generator: Draws the changes, on the CPU wherever the batch is.

    Returns:
        The same shapes; a stretched sequence is cut at `n_steps`.
    """
    if options.moves:
        x, lengths = _moved(x, lengths, options, generator)
    if options.equalizer:
        x = x + options.equalizer * _smooth_curves(len(x), x.shape[2], generator).to(x.device)
    if options.noise:
        x = x + options.noise * torch.randn(x.shape, generator=generator).to(x.device)
    return x, lengths


def _moved(x: Tensor, lengths: Tensor, options: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    n, n_steps, n_features = x.shape

    def drawn(limit: float) -> Tensor:
        """One value a sequence, shape (n, 1, 1)."""
        return ((2 * torch.rand(n, 1, 1, generator=generator) - 1) * limit).to(x.device)

    stretch = 1.0 + drawn(options.time_stretch)
    step = torch.arange(n_steps, device=x.device).view(1, -1, 1)
    feature = torch.arange(n_features, device=x.device).view(1, 1, -1)
    last = lengths.view(-1, 1, 1) - 1
    from_step = ((step + 0.5) / stretch - 0.5 - drawn(options.time_shift)).clamp(min=0.0).minimum(last)
    moved_by = drawn(options.feature_shift) + drawn(options.slant) * (from_step - last / 2)
    from_feature = feature - moved_by
    # grid_sample counts from -1, the first, to 1, the last.
    grid = torch.stack(
        [
            2 * from_feature / max(1, n_features - 1) - 1,
            (2 * from_step / max(1, n_steps - 1) - 1).expand_as(from_feature),
        ],
        dim=-1,
    )
    moved = grid_sample(x.unsqueeze(1), grid, padding_mode="border", align_corners=True).squeeze(1)
    return moved, (lengths * stretch.view(-1)).round().long().clamp(1, n_steps)


def _smooth_curves(n: int, n_features: int, generator: torch.Generator) -> Tensor:
    """Values in [-1, 1], smooth along the features, the same at every step, shape (n, 1, n_features)."""
    points = 2 * torch.rand(n, 1, N_EQUALIZER_POINTS, generator=generator) - 1
    return interpolate(points, size=n_features, mode="linear", align_corners=True)
