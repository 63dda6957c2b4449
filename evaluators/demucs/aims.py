"""What routers are trained towards, and which of them a configuration runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spaces import Choices, Configuration, Interval, Knob, KnobGroup

TARGETS = "router_targets"
LARGEST_BIAS = 8.0


@dataclass(frozen=True)
class Aim:
    """What a router is trained towards.

    Attributes:
        utilization: Mean utilization factor that it should come to, in (0, 1).
        beta: Weight of the distance from it.
        gamma: Weight of unequal use of the factors.
    """

    utilization: float
    beta: float
    gamma: float


@dataclass(frozen=True)
class Routed:
    """A configuration with a router, read.

    Attributes:
        aim: Which router.
        bias: Lean of its decisions towards larger factors, or below 0 towards smaller ones.
    """

    aim: Aim
    bias: float


def aims(utilizations: Sequence[float], betas: Sequence[float], gammas: Sequence[float]) -> list[Aim]:
    """Every combination, each a training of its own."""
    return [Aim(u, beta, gamma) for u in utilizations for beta in betas for gamma in gammas]


def router_knobs(
    utilizations: Sequence[float], betas: Sequence[float], gammas: Sequence[float]
) -> dict[str, KnobGroup]:
    """What can be searched of routers that were trained for all combinations of these."""
    trained = {"utilization": utilizations, "beta": betas, "gamma": gammas}
    knobs = {name: Knob(Choices(tuple(values)), values[0]) for name, values in trained.items()}
    return {TARGETS: {**knobs, "bias": Knob(Interval(-LARGEST_BIAS, LARGEST_BIAS), 0.0)}}


def routed_of(configuration: Configuration) -> Routed:
    """What a configuration amounts to."""
    values = {name: float(configuration[f"{TARGETS}.{name}"]) for name in ("utilization", "beta", "gamma", "bias")}
    bias = values.pop("bias")
    return Routed(Aim(**values), bias)
