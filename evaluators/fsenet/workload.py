"""The operator table of a pruned Conv-FSENet: what one frame makes the hardware do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cost_models import Buffer, Operator, Workload, bytes_of, operator_of
from evaluators.fsenet.pruning import Pruning, n_kept
from evaluators.fsenet.shape import KERNEL, FsenetShape

KEPT, ALWAYS, NEVER = "kept", "always_kept", "never_kept"
SCORE_BITS = 32


def fsenet_workload(
    shape: FsenetShape, pruning: Pruning, bits: int, activity: Mapping[str, float] | None = None
) -> Workload:
    """The operators of one frame, from features to gains; the Fourier transforms are not among them.

    Channels that static pruning takes out are not there. Gates are operators of their own; where they choose, the last
    layer of a block is run for the share of channels that they keep.

    Args:
        shape: Sizes of the network.
        pruning: Method and ratios.
        bits: Of weights and activations as deployed.
        activity: Share of channels that each block keeps, as measured; None for the worst case.
    """
    operators = tuple(_operators(shape, pruning, bits, activity))
    is_dynamic = _runs_gates(shape, pruning) and any(ratio > 0 for ratio in pruning.ratios)
    return Workload(operators, tuple(_buffers(shape, operators, bits)), is_dynamic=is_dynamic)


def activity_of(shape: FsenetShape, use: Sequence[Sequence[float]]) -> dict[str, float]:
    """Of each block, the mean share of channels kept, and the shares of channels kept always and never.

    Args:
        shape: Sizes of the network.
        use: For each block, in which share of the frames it kept each of its channels.
    """
    activity: dict[str, float] = {}
    for part, share_of in ((KEPT, _mean), (ALWAYS, _always), (NEVER, _never)):
        activity |= {f"{part}.{block}": share_of(shares) for block, shares in zip(shape.blocks, use, strict=True)}
    return activity


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares)


def _always(shares: Sequence[float]) -> float:
    return sum(share == 1 for share in shares) / len(shares)


def _never(shares: Sequence[float]) -> float:
    return sum(share == 0 for share in shares) / len(shares)


def weight_bytes_per_inference(workload: Workload) -> float:
    """Bytes of weights and constants that one inference is expected to fetch, each operator's once an execution."""
    return sum((op.weight_bytes + op.constant_bytes) * op.executions * op.activity for op in workload.operators)


def _runs_gates(shape: FsenetShape, pruning: Pruning) -> bool:
    return pruning.has_gates and shape.gating == "dynamic"


def _operators(
    shape: FsenetShape, pruning: Pruning, bits: int, activity: Mapping[str, float] | None
) -> Iterator[Operator]:
    width, hidden = shape.bottleneck, shape.hidden
    yield _dense("front", shape.n_bins, width, bits)
    for block, ratio in zip(shape.blocks, pruning.ratios, strict=True):
        n_outputs, share = width, 1.0
        if _runs_gates(shape, pruning):
            yield _operator("elementwise", f"{block}.average", bits, elements=width, operands=shape.gate_frames)
            yield _dense(f"{block}.gate_squeeze", width, shape.gate_units, bits)
            yield _dense(f"{block}.gate_excite", shape.gate_units, width, bits, output_bits=SCORE_BITS)
            share = 1.0 if activity is None or ratio == 0 else activity[f"{KEPT}.{block}"]
        else:
            n_outputs = n_kept(ratio, width)
        yield _dense(f"{block}.expand", width, hidden, bits)
        taps = {"height": 1, "width": KERNEL, "kernel": [1, KERNEL], "padding": "valid", "channels": hidden}
        yield _operator("depthwise", f"{block}.depthwise", bits, **taps)
        yield _dense(f"{block}.contract", hidden, n_outputs, bits, activity=share)
        yield _operator("elementwise", f"{block}.add", bits, elements=n_outputs, activity=share)
    yield _dense("back", width, shape.n_bins, bits)


def _dense(name: str, inputs: int, outputs: int, bits: int, **further: Any) -> Operator:
    return _operator("fully_connected", name, bits, inputs=inputs, outputs=outputs, **further)


def _operator(kind: str, name: str, bits: int, **further: Any) -> Operator:
    return operator_of({"kind": kind, "name": name, "weight_bits": bits, "activation_bits": bits, **further})


def _buffers(shape: FsenetShape, operators: tuple[Operator, ...], bits: int) -> Iterator[Buffer]:
    """Past frames all the time; what blocks add to, from first to last; every other tensor until it is read."""
    for block, dilation in zip(shape.blocks, shape.block_dilations, strict=True):
        yield Buffer(f"{block}.past", bytes_of((KERNEL - 1) * dilation * shape.hidden, bits))
        if not shape.is_causal:
            # The sum waits until the frames that the depthwise convolution looks ahead to are there.
            yield Buffer(f"{block}.waiting", bytes_of(dilation * shape.bottleneck, bits))
    names = {operator.name.partition(".")[0] for operator in operators if operator.name.endswith("gate_squeeze")}
    for block in sorted(names):
        yield Buffer(f"{block}.averaged", bytes_of((shape.gate_frames - 1) * shape.bottleneck, bits))
    yield Buffer("features", bytes_of(shape.n_bins, bits), 0, 0)
    yield Buffer("channels", bytes_of(shape.bottleneck, bits), 0, len(operators) - 1)
    for index, operator in enumerate(operators):
        if operator.kind == "elementwise" and operator.name.endswith(".add"):
            continue  # in place
        last = index + 1 if index + 1 < len(operators) else index
        if operator.name.endswith("gate_excite"):
            last = index + 3  # until the last layer of the block knows what to skip
        yield Buffer(operator.name, bytes_of(operator.output_elements, operator.output_bits), index, last)
