"""Which knobs matter, on a problem where it is known."""

from __future__ import annotations

import numpy as np
from test_report_documents import small_run

from search.report.sensitivity import run_sensitivities
from search.sensitivity import sensitivities
from spaces import Configuration

BITS = np.random.default_rng(0).integers(2, 9, (60, 4))
DAMAGE = np.array([0.8, 0.2, 0.0, 0.05])
CONFIGURATIONS: list[Configuration] = [{f"bit_widths.k{i}": int(b) for i, b in enumerate(row)} for row in BITS]
ERRORS = 4.0 ** (2 - BITS.astype(float)) @ DAMAGE
BEST: list[Configuration] = [dict.fromkeys(CONFIGURATIONS[0], 8)]


def test_knobs_are_ranked_by_what_they_do_with_bounds_around_it() -> None:
    found = sensitivities(CONFIGURATIONS, ERRORS, BITS.sum(axis=1).astype(float), BEST)
    assert found is not None
    assert [s.knob[-2:] for s in found.knobs] == ["k0", "k1", "k3", "k2"]
    # From 8 bits to 2, the knob adds its damage, nearly whole.
    for sensitivity, damage in zip(found.knobs, (0.8, 0.2, 0.05), strict=False):
        assert abs(sensitivity.effect - damage) < 0.3 * damage
        assert sensitivity.low <= sensitivity.effect <= sensitivity.high
    assert found.explained > 0.95
    assert found.knobs[0].importance == max(s.importance for s in found.knobs)


def test_labels_and_metrics_without_a_cost_are_told_too() -> None:
    configurations = [{**c, "kind": "ab"[i % 2]} for i, c in enumerate(CONFIGURATIONS)]
    errors = ERRORS + np.where(np.arange(60) % 2, 0.3, 0.0)
    found = sensitivities(configurations, errors, None, [{**BEST[0], "kind": "a"}])
    assert found is not None
    assert {s.knob for s in found.knobs[:2]} == {"bit_widths.k0", "kind"}


def test_too_little_is_not_guessed_from() -> None:
    assert sensitivities(CONFIGURATIONS[:5], ERRORS[:5], None, BEST) is None
    assert sensitivities(CONFIGURATIONS, np.ones(60), None, BEST) is None
    assert sensitivities([], np.empty(0), None, []) is None
    assert run_sensitivities(small_run()) is None
