"""Knobs that a system calls without effect change nothing of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.registry import SYSTEMS, create_system
from spaces import Choices, Space, build_space
from spaces.rules import Rule

CONDITIONAL = {"conv_fsenet": {"targets": [0.25, 0.5]}, "nsnet2_exits": {}}
"""Systems with such knobs, and options with which these have a choice."""


def whole_space(name: str) -> tuple[Space, Space]:
    """The space of all that a system's knobs can be set to, and the same with every knob always searched."""
    groups = create_system(name, CONDITIONAL.get(name, {}), Path()).knobs()
    rules = {
        kind: [
            Rule((knob,), of.domain.values, None, None, ())
            if isinstance(of.domain, Choices)
            else Rule((knob,), None, of.domain.low, of.domain.high, ())
            for knob, of in group.items()
        ]
        for kind, group in groups.items()
    }
    space, problems = build_space(rules, groups)
    assert space is not None
    assert not problems
    return space, Space(space.parameters, space.defaults)


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_system_says_which_knobs_have_no_effect(name: str) -> None:
    assert bool(whole_space(name)[0].conditions) == (name in CONDITIONAL)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_knob_without_effect_changes_no_operator(name: str) -> None:
    system = create_system(name, CONDITIONAL.get(name, {}), Path())
    space, free = whole_space(name)
    rng = np.random.default_rng(0)
    drawn = [free.sample(rng) for _ in range(60)]
    settled = [space.settled(c) for c in drawn]
    assert sum(one != other for one, other in zip(drawn, settled, strict=True)) > 5
    for one, other in zip(drawn, settled, strict=True):
        assert system.workload(one) == system.workload(other)
