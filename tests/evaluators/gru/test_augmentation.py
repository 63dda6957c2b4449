"""Random changes of sequences: what they move, and what they leave alone."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from evaluators.gru.augmentation import augment
from evaluators.gru.training_options import Augmentation


def batch(n: int = 64, n_steps: int = 9, n_features: int = 7) -> tuple[Tensor, Tensor]:
    """Each value is 10 step + feature, so that where it comes from can be read off."""
    ramp = 10.0 * torch.arange(n_steps).view(-1, 1) + torch.arange(n_features)
    return ramp.expand(n, -1, -1).clone(), torch.full((n,), n_steps)


def changed(seed: int = 0, **limits: float) -> tuple[Tensor, Tensor]:
    return augment(*batch(), Augmentation(**limits), torch.Generator().manual_seed(seed))


def test_nothing_happens_by_default() -> None:
    x, lengths = changed()
    assert torch.equal(x, batch()[0])
    assert torch.equal(lengths, batch()[1])


@pytest.mark.parametrize(
    "limits",
    [
        {"time_stretch": 0.3},
        {"time_shift": 1.5},
        {"feature_shift": 1.5},
        {"slant": 0.3},
        {"equalizer": 0.5},
        {"noise": 0.1},
    ],
)
def test_changes_follow_from_the_generator(limits: dict[str, float]) -> None:
    (a, la), (b, lb), (c, _) = changed(**limits), changed(**limits), changed(seed=1, **limits)
    assert torch.equal(a, b)
    assert torch.equal(la, lb)
    assert not torch.equal(a, c)
    assert a.shape == batch()[0].shape
    assert not torch.equal(a[0], a[1])  # drawn for each sequence


def test_feature_shift_moves_along_features_only() -> None:
    x, _ = changed(feature_shift=2.0)
    moved = batch()[0][0, 4, 3] - x[:, 4, 3]  # the middle sees no edge
    assert moved.abs().max() <= 2.0
    assert moved.min() < -1.5 < 1.5 < moved.max()
    assert x[:, 1:, 3] - x[:, :-1, 3] == pytest.approx(torch.full((64, 8), 10.0).numpy(), abs=1e-3)


def test_edges_go_on_as_they_are() -> None:
    x, _ = changed(feature_shift=50.0)
    features = x[:, 0, :]  # all of them moved off one edge or the other, but for a few sequences
    assert ((features >= 0) & (features <= 6)).all()
    assert ((features == 0).all(dim=1) | (features == 6).all(dim=1)).sum() > 40


def test_time_shift_moves_along_steps_only() -> None:
    x, lengths = changed(time_shift=2.0)
    moved = (batch()[0][0, 4, 3] - x[:, 4, 3]) / 10
    assert moved.abs().max() <= 2.0
    assert moved.min() < -1.5 < 1.5 < moved.max()
    assert torch.equal(lengths, batch()[1])


def test_slant_leaves_the_middle_alone() -> None:
    x, _ = changed(slant=0.5)
    original = batch()[0]
    assert x[:, 4] == pytest.approx(original[:, 4].numpy(), abs=1e-3)
    # Two steps from the middle a feature has moved by at most 2 * 0.5, and by as much the other way on the other side.
    before, after = x[:, 2, 3] - original[:, 2, 3], x[:, 6, 3] - original[:, 6, 3]
    assert before == pytest.approx(-after.numpy(), abs=1e-3)
    assert 0.8 < after.abs().max() <= 1.0 + 1e-3


def test_stretching_changes_the_length_and_keeps_the_way() -> None:
    x, _ = batch()
    lengths = torch.arange(64) % 5 + 3
    stretched, new_lengths = augment(x, lengths, Augmentation(time_stretch=0.5), torch.Generator().manual_seed(0))
    assert ((new_lengths >= 1) & (new_lengths <= 9)).all()
    ratio = new_lengths / lengths
    assert ratio.min() < 0.7 < 1.3 < ratio.max()
    for sequence, old, new in zip(stretched, lengths, new_lengths, strict=True):
        steps = sequence[: int(new), 0] / 10
        assert (steps.diff() >= -1e-4).all()  # forwards
        assert steps[0] <= 0.6  # from the first
        assert steps[-1] <= int(old) - 1 + 1e-4  # never beyond the last


def test_equalizer_is_smooth_and_the_same_at_every_step() -> None:
    x, _ = changed(equalizer=0.5)
    offset = x - batch()[0]
    assert offset == pytest.approx(offset[:, :1].expand_as(offset).numpy(), abs=1e-4)
    assert 0.4 < offset.abs().max() <= 0.5 + 1e-4
    # Four points over seven features are two features apart: each is reached in two steps of at most half the way.
    assert offset[:, 0].diff(dim=1).abs().max() <= 0.5 + 1e-4


def test_noise_has_the_given_deviation() -> None:
    x, _ = changed(noise=0.2)
    deviation = float((x - batch()[0]).std())
    assert deviation == pytest.approx(0.2, rel=0.05)  # of 4,032 values: relative error 1.1 %


@pytest.mark.parametrize("limits", [{"time_stretch": 0.9}, {"noise": -1.0}, {"pitch": 1.0}])
def test_impossible_limits_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Augmentation(**limits)


def test_single_steps_and_features_can_be_changed() -> None:
    x, lengths = augment(
        torch.ones(3, 1, 1),
        torch.ones(3, dtype=torch.long),
        Augmentation(time_stretch=0.5, time_shift=1, feature_shift=1, slant=1, equalizer=0.1),
        torch.Generator().manual_seed(0),
    )
    assert x.shape == (3, 1, 1)
    assert torch.isfinite(x).all()
    assert lengths.tolist() == [1, 1, 1]
