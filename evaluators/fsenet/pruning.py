"""What a configuration prunes: which method, with which network, and how much of each block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from spaces import Choices, Condition, Configuration, Interval, Knob, KnobGroup

Method = Literal["dynamic", "static_scores", "static_magnitudes", "dense_magnitudes"]
"""`dynamic`: gates choose frame by frame. Static: the same channels always, those with the largest mean score or the
largest filters; `dense_magnitudes`: with the network as it was before gates were trained."""
METHODS: tuple[Method, ...] = get_args(Method)
RATIOS, METHOD, TARGET = "pruning_ratios", "pruning.method", "router_targets.kept_share"
LARGEST_RATIO = 0.99


@dataclass(frozen=True)
class Pruning:
    """A configuration, read.

    Attributes:
        method: How channels are chosen.
        target: Share of channels kept that the gates were trained for.
        ratios: Share of its channels that each block is to lose, in [0, 1), in the order of the blocks.
    """

    method: Method
    target: float
    ratios: tuple[float, ...]

    @property
    def has_gates(self) -> bool:
        """Gates are run."""
        return self.method == "dynamic"


def knobs(blocks: Sequence[str], targets: Sequence[float]) -> dict[str, KnobGroup]:
    """What can be searched of a network with these blocks, trained for these targets."""
    # The dense network was trained for no target.
    with_gates = Condition(METHOD, tuple(method for method in METHODS if method != "dense_magnitudes"))
    return {
        RATIOS: dict.fromkeys(blocks, Knob(Interval(0.0, LARGEST_RATIO), 0.0)),
        "pruning": {"method": Knob(Choices(METHODS), "dynamic")},
        "router_targets": {"kept_share": Knob(Choices(tuple(targets)), targets[0], with_gates)},
    }


def pruning(configuration: Configuration, blocks: Sequence[str]) -> Pruning:
    """What a configuration amounts to; what it leaves out has no effect on it."""
    method = cast(Method, configuration[METHOD])
    ratios = tuple(float(configuration[f"{RATIOS}.{block}"]) for block in blocks)
    return Pruning(method, float(configuration[TARGET]), ratios)


def n_kept(ratio: float, n_channels: int) -> int:
    """Channels that stay when a fixed set of them is pruned.

    >>> n_kept(0.75, 128), n_kept(0.0, 128), n_kept(0.99, 8)
    (32, 128, 1)
    """
    return max(1, round((1 - ratio) * n_channels))
