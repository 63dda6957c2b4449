"""Which exits a configuration has, and when a frame takes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from evaluators.nsnet2.shape import EARLY_EXITS, EXITS, EarlyExit, Exit
from spaces import Choices, Condition, Configuration, Interval, Knob, KnobGroup

PLACEMENT = "exits.placement"
THRESHOLDS = "exit_thresholds"
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Route:
    """The exits that frames can take.

    Attributes:
        thresholds: Early exit -> the confidence from which on a frame leaves there, in (0, 1); in order.
        last: Where every frame leaves that has come so far.
    """

    thresholds: tuple[tuple[EarlyExit, float], ...]
    last: Exit

    @property
    def exits(self) -> tuple[Exit, ...]:
        """All exits that it has, in order."""
        return (*(exit_ for exit_, _ in self.thresholds), self.last)

    def threshold(self, exit_: Exit) -> float | None:
        """The threshold of an early exit; None where the route has none there, or leaves for good."""
        return dict[Exit, float](self.thresholds).get(exit_)


def knobs(exits: Sequence[EarlyExit]) -> dict[str, KnobGroup]:
    """What can be searched of a network with these early exits."""
    choices = placements(exits)
    groups: dict[str, KnobGroup] = {"exits": {"placement": Knob(Choices(tuple(choices)), choices[-1])}}
    return {**groups, THRESHOLDS: {exit_: _threshold(exit_, choices) for exit_ in exits}} if exits else groups


def _threshold(exit_: EarlyExit, choices: Sequence[str]) -> Knob:
    """An exit's threshold has an effect where the exit is there and others follow."""
    early = tuple(placement for placement in choices if exit_ in placement.split("+")[:-1])
    return Knob(Interval(0.0, 1.0), DEFAULT_THRESHOLD, Condition(PLACEMENT, early))


def placements(exits: Sequence[EarlyExit]) -> list[str]:
    """Every set of exits, such as `fc1+final`; the last exit of a set takes all frames that have come so far."""
    present = [exit_ for exit_ in EXITS if exit_ == "final" or exit_ in exits]
    return ["+".join(chosen) for n in range(1, len(present) + 1) for chosen in combinations(present, n)]


def route(configuration: Configuration) -> Route:
    """What a configuration amounts to.

    A confidence lies above 0 and below 1: at a threshold of 0 every frame leaves and what follows is never run; at 1
    none does, and the exit might as well not be there.
    """
    placed = [exit_ for exit_ in EXITS if exit_ in str(configuration[PLACEMENT]).split("+")]
    thresholds: list[tuple[EarlyExit, float]] = []
    for exit_ in EARLY_EXITS:
        if exit_ not in placed[:-1]:
            continue
        threshold = float(configuration[f"{THRESHOLDS}.{exit_}"])
        if threshold <= 0:
            return Route(tuple(thresholds), exit_)
        if threshold < 1:
            thresholds.append((exit_, threshold))
    return Route(tuple(thresholds), placed[-1])


def shares_leaving(reach: Mapping[Exit, float], taken: Route) -> dict[Exit, float]:
    """Exit -> share of frames that leave there, from the shares that reach each stage."""
    shares: dict[Exit, float] = {}
    for exit_, following in zip(taken.exits, (*taken.exits[1:], None), strict=True):
        shares[exit_] = reach[exit_] - (reach[following] if following is not None else 0.0)
    return shares


def reach_of(shares: Mapping[Exit, float], taken: Route) -> dict[Exit, float]:
    """Stage -> share of frames that reach it, from the shares that leave at each exit; 0 behind the last exit."""
    reach: dict[Exit, float] = {}
    left = 1.0
    for stage in EXITS:
        reach[stage] = left if EXITS.index(stage) <= EXITS.index(taken.last) else 0.0
        left = max(left - shares.get(stage, 0.0), 0.0)
    return reach
