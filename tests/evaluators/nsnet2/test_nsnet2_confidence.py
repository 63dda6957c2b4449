"""Confidence heads: fits that must come out exactly, and thresholds as shares of frames."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from evaluators.nsnet2.confidence import ConfidenceHead, fit_head, mask_change


def test_a_change_by_hand():
    spectra = torch.tensor([[1.0 + 0j, 0.6 + 0.8j]])
    mask, final = torch.tensor([[0.5, 1.0]]), torch.tensor([[1.0, 1.0]])
    # Both bins have magnitude 1: only (1 - 0.5^0.3)^2 of two is left.
    assert mask_change(mask, final, spectra).item() == pytest.approx(math.sqrt((1 - 0.5**0.3) ** 2 / 2))


def test_a_linear_law_is_found():
    features = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    scores = features @ torch.tensor([0.5, -1.0, 0.25]) + 2.0
    head = fit_head([(features[:200], (-scores[:200]).exp()), (features[200:], (-scores[200:]).exp())])
    np.testing.assert_allclose(head.weight, [0.5, -1.0, 0.25], atol=1e-3)
    torch.testing.assert_close(head.scores(features), scores, atol=1e-2, rtol=0)
    for threshold in (0.1, 0.5, 0.9):
        share = (head.scores(features) >= head.score_threshold(threshold)).float().mean().item()
        assert share == pytest.approx(1 - threshold, abs=0.01)


def test_a_unit_that_says_nothing_gets_no_weight():
    features = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.0])
    head = fit_head([(features, (-features[:, 0]).exp())])
    assert head.weight[1] == 0
    assert np.isfinite(head.bias)


def test_thresholds_are_interpolated():
    head = ConfidenceHead(np.zeros(1, np.float32), 0.0, np.linspace(-5, 5, 1001, dtype=np.float32))
    assert head.score_threshold(0.25) == pytest.approx(-2.5, abs=1e-5)
