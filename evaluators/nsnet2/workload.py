"""The operator table of a route through nsNet2: what one frame makes the hardware do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cost_models import Buffer, Operator, Workload, bytes_of, operator_of
from evaluators.nsnet2.routes import Route, reach_of, shares_leaving
from evaluators.nsnet2.shape import EARLY_EXITS, EXITS, EarlyExit, Exit, NsNet2Shape

FEATURES = "features"
REACH = "reach"
SCORE_BITS = 32


@dataclass(frozen=True)
class _Row:
    """An operator and the tensors that it reads: names of operators, or `FEATURES`."""

    operator: Operator
    reads: tuple[str, ...]


def nsnet2_workload(shape: NsNet2Shape, route: Route, bits: int, reach: Mapping[Exit, float] | None = None) -> Workload:
    """The operators of one frame, from log power spectrum to gains; the Fourier transforms are not among them.

    Layers that the route never runs are not there. Masks of different exits exclude each other, which the table cannot
    say: the worst case counts them all, and is too high by those of the early exits.

    Args:
        shape: Sizes of the network.
        route: Exits and thresholds.
        bits: Of weights and activations as deployed.
        reach: Share of frames that reach each stage, as measured; None for the worst case.
    """
    rows = list(_rows(shape, route, bits, _shares(route, reach)))
    return Workload(
        tuple(row.operator for row in rows), tuple(_buffers(shape, rows, bits)), is_dynamic=len(route.exits) > 1
    )


def reach_of_activity(activity: Mapping[str, float]) -> dict[Exit, float]:
    """The shares that reach each stage, as an activity has them."""
    return {stage: activity[f"{REACH}.{stage}"] for stage in EXITS}


def activity_of(n_leaving: Mapping[Exit, int], route: Route) -> dict[str, float]:
    """The share of frames that reach each stage, from counts of frames that left at each exit."""
    total = sum(n_leaving.values())
    reach = reach_of({exit_: n / total for exit_, n in n_leaving.items()}, route)
    return {f"{REACH}.{stage}": share for stage, share in reach.items()}


@dataclass(frozen=True)
class _Shares:
    """Stage or exit -> share of frames.

    Attributes:
        reaching: Come to the stage.
        leaving: Take its exit.
        going_on: Come to the stage behind it.
    """

    reaching: Mapping[Exit, float]
    leaving: Mapping[Exit, float]
    going_on: Mapping[Exit, float]


def _shares(route: Route, reach: Mapping[Exit, float] | None) -> _Shares:
    if reach is None:
        return _Shares(*[dict.fromkeys(EXITS, 1.0)] * 3)
    return _Shares(reach, shares_leaving(reach, route), {stage: reach[after] for stage, after in pairwise(EXITS)})


def _rows(shape: NsNet2Shape, route: Route, bits: int, shares: _Shares) -> Iterator[_Row]:
    before = FEATURES
    for stage in EARLY_EXITS[: EXITS.index(route.last) + 1]:
        trunk = _layer(stage, stage, shape, shape.n_outputs(stage), bits)
        if stage not in route.exits:
            yield _row(trunk, shares.reaching[stage], before)
        elif not shape.is_split:
            yield _row(trunk, shares.reaching[stage], before)
            yield from _exit_rows(shape, route, stage, stage, bits, shares)
        else:
            copy = f"copy.{stage}"
            yield _row(_layer(copy, stage, shape, shape.n_features(stage), bits), shares.reaching[stage], before)
            yield from _exit_rows(shape, route, stage, copy, bits, shares)
            if stage != route.last:
                yield _row(trunk, shares.going_on[stage], before)
        before = stage
    if route.last == "final":
        widths = (shape.gru_units, shape.fc2_units, shape.fc2_units, shape.n_bins)
        for name, (inputs, outputs) in zip(("fc2", "fc3", "fc4"), pairwise(widths), strict=True):
            yield _row(_dense(name, inputs, outputs, bits), shares.reaching["final"], before)
            before = name


def _exit_rows(
    shape: NsNet2Shape, route: Route, exit_: EarlyExit, reads: str, bits: int, shares: _Shares
) -> Iterator[_Row]:
    n_features = shape.n_features(exit_)
    if route.threshold(exit_) is not None:
        head = {**_dense(f"confidence.{exit_}", n_features, 1, bits), "output_bits": SCORE_BITS}
        yield _row(head, shares.reaching[exit_], reads)
    yield _row(_dense(f"mask.{exit_}", n_features, shape.n_bins, bits), shares.leaving[exit_], reads)


def _layer(name: str, stage: EarlyExit, shape: NsNet2Shape, n_units: int, bits: int) -> dict[str, Any]:
    n_inputs = shape.n_inputs(stage)
    if stage == "fc1":
        return _dense(name, n_inputs, n_units, bits)
    return {"kind": "gru", "inputs": n_inputs, "hidden": n_units, **_named(name, bits)}


def _dense(name: str, inputs: int, outputs: int, bits: int) -> dict[str, Any]:
    return {"kind": "fully_connected", "inputs": inputs, "outputs": outputs, **_named(name, bits)}


def _named(name: str, bits: int) -> dict[str, Any]:
    return {"name": name, "weight_bits": bits, "activation_bits": bits}


def _row(entry: Mapping[str, Any], activity: float, *reads: str) -> _Row:
    return _Row(operator_of({**entry, "activity": activity}), reads)


def _buffers(shape: NsNet2Shape, rows: Sequence[_Row], bits: int) -> Iterator[Buffer]:
    """Every tensor from where it is written to where it is last read; recurrent state, old and new, all the time."""
    last_read = {name: index for index, row in enumerate(rows) for name in row.reads}
    yield Buffer(FEATURES, bytes_of(shape.n_bins, bits), 0, last_read[FEATURES])
    for index, row in enumerate(rows):
        operator = row.operator
        n_bytes = bytes_of(operator.output_elements, operator.output_bits)
        if operator.kind == "gru":
            # What a recurrent layer writes is its next state, so it needs no further room.
            yield Buffer(f"{operator.name}.state", n_bytes)
            yield Buffer(f"{operator.name}.next_state", n_bytes)
        else:
            yield Buffer(operator.name, n_bytes, index, last_read.get(operator.name, index))
