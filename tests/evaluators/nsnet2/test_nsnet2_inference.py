"""Dynamic inference: extremes, a frame-by-frame second implementation, and routes together as alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nsnet2_cases import padded_features, random_heads, sounds, tiny

from evaluators.enhancement.streaming import enhance_stream
from evaluators.nsnet2.inference import Outcome, run_routes
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.routes import Route, knobs, placements, reach_of, route, shares_leaving
from evaluators.nsnet2.shape import EARLY_EXITS, EXITS
from evaluators.nsnet2.streaming import StreamingNsNet2
from evaluators.speech.stft import log_power, spectrum, waveform

CLIPS = sounds(6000, 300, 3000)
PADDED, _ = padded_features(CLIPS)
FEATURES = [log_power(spectrum(clip)) for clip in CLIPS]
X, LENGTHS = torch.cat(FEATURES), [len(x) for x in FEATURES]


def configuration(placement: str, *thresholds: float) -> dict[str, float | str]:
    named = {f"exit_thresholds.{e}": t for e, t in zip(EARLY_EXITS, thresholds, strict=True)}
    return {"exits.placement": placement, **named}


ROUTES = [
    route(configuration("fc1+gru1+gru2+final", 0.3, 0.4, 0.5)),
    route(configuration("fc1+gru1+gru2+final", 0.3, 0.8, 0.5)),
    route(configuration("fc1+gru2", 0.6, 0.0, 0.0)),
    route(configuration("gru1+final", 0.0, 0.5, 0.0)),
    route(configuration("gru2+final", 0.0, 0.5, 0.2)),
    route(configuration("final", 0.0, 0.0, 0.0)),
    route(configuration("fc1", 1.0, 1.0, 1.0)),
    route(configuration("fc1+final", 0.999, 0.0, 0.0)),
]


def test_there_are_as_many_placements_as_sets_of_exits():
    assert placements(()) == ["final"]
    assert placements(("gru1",)) == ["gru1", "final", "gru1+final"]
    assert len(set(placements(EARLY_EXITS))) == 15
    assert placements(EARLY_EXITS)[-1] == "fc1+gru1+gru2+final"


def test_knobs_are_placement_and_a_threshold_for_each_exit():
    groups = knobs(("fc1", "gru2"))
    assert list(groups["exit_thresholds"]) == ["fc1", "gru2"]
    assert groups["exits"]["placement"].default == "fc1+gru2+final"
    assert list(knobs(())) == ["exits"]


@pytest.mark.parametrize(
    ("placement", "thresholds", "expected"),
    [
        ("fc1+gru1+final", (0.0, 0.5, 0.5), Route((), "fc1")),
        ("fc1+gru1+final", (1.0, 0.5, 0.5), Route((("gru1", 0.5),), "final")),
        ("fc1+gru1+final", (0.2, 0.0, 0.5), Route((("fc1", 0.2),), "gru1")),
        ("gru2", (0.2, 0.3, 0.5), Route((), "gru2")),
        ("final+fc1", (0.2, 0.3, 0.5), Route((("fc1", 0.2),), "final")),
    ],
)
def test_a_threshold_at_its_end_is_a_decision_for_good(placement, thresholds, expected):
    assert route(configuration(placement, *thresholds)) == expected


@torch.inference_mode()
def masks(network: NsNet2, outcome: Outcome, r: int) -> list[torch.Tensor]:
    """Gains of each clip by a route."""
    of_rows = torch.cat([network.mask(leaving.exit, leaving.features) for leaving in outcome.leaving])
    frames = np.concatenate([leaving.frames for leaving in outcome.leaving])
    assert (frames[outcome.rows[r]] == np.arange(len(X))).all(), "each row is of the frame that it is given to"
    return list(of_rows[torch.from_numpy(outcome.rows[r])].split(LENGTHS))


@pytest.mark.parametrize("is_split", [True, False])
def test_extremes_are_the_fixed_exits(is_split):
    network = tiny(is_split=is_split)
    routes = [Route((), exit_) for exit_ in EXITS]
    outcome = run_routes(network, {}, routes, X, LENGTHS)
    for r, taken in enumerate(routes):
        assert outcome.n_leaving(r) == {taken.last: sum(LENGTHS)}
        for x, found in zip(X.split(LENGTHS), masks(network, outcome, r), strict=True):
            fixed = network.all_masks(x[None])[taken.last][0].detach()
            torch.testing.assert_close(found, fixed, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("is_split", "exit_units"), [(True, 5), (True, None), (False, None)])
def test_routes_together_are_streams_frame_by_frame(is_split, exit_units):
    network = tiny(is_split=is_split, exit_units=exit_units)
    heads = random_heads(network, PADDED)
    outcome = run_routes(network, heads, ROUTES, X, LENGTHS)
    for r, taken in enumerate(ROUTES):
        n_leaving = dict.fromkeys(EXITS, 0)
        for clip, mask in zip(CLIPS, masks(network, outcome, r), strict=True):
            stream = StreamingNsNet2(network, heads, taken)
            enhanced = enhance_stream(stream, clip.numpy())
            for exit_ in stream.exits_taken:
                n_leaving[exit_] += 1
            np.testing.assert_allclose(waveform(spectrum(clip) * mask, len(clip)).numpy(), enhanced, atol=1e-5)
        assert {e: n for e, n in n_leaving.items() if n} == outcome.n_leaving(r)
        if len(taken.exits) > 1:
            assert sum(n > 0 for n in n_leaving.values()) > 1, "the case must let frames leave at several exits"


def test_routes_together_give_what_each_gives_alone():
    network = tiny()
    heads = random_heads(network, PADDED)
    together = run_routes(network, heads, ROUTES, X, LENGTHS)
    for r, taken in enumerate(ROUTES):
        alone = run_routes(network, heads, [taken], X, LENGTHS)
        for of_all, of_one in zip(masks(network, together, r), masks(network, alone, 0), strict=True):
            torch.testing.assert_close(of_all, of_one, atol=1e-6, rtol=1e-5)
        assert together.n_leaving(r) == alone.n_leaving(0)


def test_what_routes_have_in_common_is_run_once():
    network = tiny()
    heads = random_heads(network, PADDED)
    alike = [Route((("fc1", 0.3), ("gru1", t)), "final") for t in (0.2, 0.6)]
    outcome = run_routes(network, heads, alike, X, LENGTHS)
    n_rows = {leaving.exit: len(leaving.frames) for leaving in outcome.leaving}
    assert n_rows["fc1"] == outcome.n_leaving(0)["fc1"] == outcome.n_leaving(1)["fc1"]
    # The higher threshold leaves only where the lower one does, with the same state of the exit's layer.
    assert n_rows["gru1"] == outcome.n_leaving(0)["gru1"] > outcome.n_leaving(1)["gru1"]


@given(thresholds=st.tuples(*[st.floats(0, 1)] * 3), placement=st.sampled_from(placements(EARLY_EXITS)))
@settings(max_examples=40)
def test_every_frame_leaves_once_and_fewer_leave_early_at_higher_thresholds(thresholds, placement):
    network = tiny()
    heads = random_heads(network, PADDED)
    taken = route(configuration(placement, *thresholds))
    stricter = route(configuration(placement, *((1 + t) / 2 for t in thresholds)))
    outcome = run_routes(network, heads, [taken, stricter], X, LENGTHS)
    found, later = outcome.n_leaving(0), outcome.n_leaving(1)
    assert sum(found.values()) == sum(later.values()) == sum(LENGTHS)
    if taken.exits[0] == stricter.exits[0]:
        assert later.get(taken.exits[0], 0) <= found.get(taken.exits[0], 0)


def test_shares_that_leave_follow_from_those_that_reach():
    taken = route(configuration("fc1+gru2", 0.5, 0.5, 0.5))
    reach = reach_of({"fc1": 0.75, "gru2": 0.25}, taken)
    assert reach == {"fc1": 1.0, "gru1": 0.25, "gru2": 0.25, "final": 0.0}
    assert shares_leaving(reach, taken) == {"fc1": 0.75, "gru2": 0.25}
