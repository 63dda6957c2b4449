"""The operator table of a slimmed DEMUCS: what one step of the bottleneck, 16 ms, makes the hardware do.

With H = 32, L = 5, K = 8, S = 4 and U = 4 the sum is 2,224 + 53,760 UF multiply-accumulates a sample, as published.
The constant has 1,536 of the grouped recurrent units, 672 of the resamplers, and 16 that the publication does not name:
here the gates of the recurrent units (three sums before the activations, one product with the reset gate, two products
and a sum for the state: 7 operations for each of 512 units every 256 samples, 14), and the division of the input by its
level and its return at the output, one product a sample each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from cost_models import Buffer, Operator, Workload, bytes_of, operator_of
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.schedules import Schedule
from evaluators.demucs.shape import SINC_ZEROS, DemucsShape

GATE_OPERATIONS = 7
"""Of a recurrent unit at every step, see above."""
FLOAT_BITS = 32
IN_PLACE = ("skip", "gates", "divide_by_level", "return_to_level", "add_input")
"""Operators that overwrite what they read."""
TAPS = 2 * SINC_ZEROS
SHARE, UTILIZATION = "share", "utilization"


def share_name(uf: float) -> str:
    """How the share of steps at a utilization factor is called in an activity."""
    return f"{SHARE}.uf_{uf:g}"


def demucs_workload(shape: DemucsShape, schedule: Schedule, bits: int) -> Workload:
    """The operators of a network that is cut to a schedule.

    Args:
        shape: Sizes of the network.
        schedule: Utilization factor of every block.
        bits: Of weights and activations as deployed.
    """
    return _workload(shape, schedule, bits, (), (1.0,) * len(schedule), is_dynamic=False)


def routed_workload(
    shape: DemucsShape, router: RouterShape, bits: int, activity: Mapping[str, float] | None = None
) -> Workload:
    """The operators of a network with a router, which chooses a utilization factor for all blocks at every step.

    Args:
        shape: Sizes of the network.
        router: Sizes of the router.
        bits: Of weights and activations as deployed.
        activity: Share of the steps at each utilization factor; None for the worst case.
    """
    shares = {shape.ufs[-1]: 1.0} if activity is None else {uf: activity[share_name(uf)] for uf in shape.ufs}
    kept = [
        sum(share * shape.n_kept(level, uf) for uf, share in shares.items()) / shape.n_kept(level, shape.ufs[-1])
        for level in shape.levels
    ]
    schedule = (shape.ufs[-1],) * len(shape.levels)
    return _workload(shape, schedule, bits, _router(shape, router, bits), kept, is_dynamic=True)


def activity_of(shape: DemucsShape, n_steps: Sequence[int]) -> dict[str, float]:
    """Share of the steps at each utilization factor, and the mean factor.

    Args:
        shape: Sizes of the network.
        n_steps: Steps at each factor.
    """
    shares = [n / sum(n_steps) for n in n_steps]
    mean = sum(share * uf for share, uf in zip(shares, shape.ufs, strict=True))
    return {**{share_name(uf): s for uf, s in zip(shape.ufs, shares, strict=True)}, UTILIZATION: mean}


def _workload(
    shape: DemucsShape,
    schedule: Schedule,
    bits: int,
    router: Sequence[Operator],
    activities: Sequence[float],
    *,
    is_dynamic: bool,
) -> Workload:
    level, *upsamplers = _front(shape, bits)
    blocks = [_block(shape, index, uf, bits) for index, uf in enumerate(schedule)]
    run = [_active(of_block, activity) for of_block, activity in zip(blocks, activities, strict=True)]
    depth = shape.depth
    operators = (
        level,
        *router,
        *upsamplers,
        *(op for of_block in run[:depth] for op in of_block),
        *_bottleneck(shape, bits),
        *(op for of_block in run[depth:] for op in of_block),
        *_back(shape, bits),
    )
    return Workload(operators, _buffers(shape, operators, bits), is_dynamic=is_dynamic, n_samples=shape.step_samples)


def _active(operators: Sequence[Operator], activity: float) -> Sequence[Operator]:
    """What a slimmed block runs of its inner channels; sums and activations around them are whole."""
    if activity == 1.0:
        return operators
    return [replace(op, activity=activity) if op.macs else op for op in operators]


@lru_cache(maxsize=4096)
def _block(shape: DemucsShape, index: int, uf: float, bits: int) -> tuple[Operator, ...]:
    """The operators of a block; the same objects for the same arguments."""
    name, level = shape.blocks[index], shape.levels[index]
    n, n_channels, n_inputs = shape.n_kept(level, uf), shape.channels[level], shape.inputs[level]
    n_frames = shape.frames_per_step(level)
    ops = _Operators(name, bits)
    if index < shape.depth:
        return (
            ops.of(
                "conv1d",
                "conv",
                length=shape.stride * n_frames + shape.kernel - shape.stride,
                in_channels=n_inputs,
                out_channels=n,
                kernel=shape.kernel,
                stride=shape.stride,
                padding="valid",
            ),
            ops.of("pointwise", "mix", height=n_frames, in_channels=n, out_channels=2 * n_channels),
            ops.of("elementwise", "glu", elements=n_frames * n_channels),
        )
    taps = ops.of("pointwise", "conv", height=n_frames, in_channels=n, out_channels=shape.kernel * n_inputs)
    return (
        ops.of("elementwise", "skip", elements=n_frames * n_channels),
        ops.of("pointwise", "mix", height=n_frames, in_channels=n_channels, out_channels=2 * n),
        ops.of("elementwise", "glu", elements=n_frames * n),
        # One bias an output channel, whatever the number of taps.
        _with_constants(taps, n_inputs, bits),
        ops.of("elementwise", "overlap", elements=n_frames * shape.stride * n_inputs, operands=2),
    )


@lru_cache(maxsize=64)
def _bottleneck(shape: DemucsShape, bits: int) -> tuple[Operator, ...]:
    units = shape.channels[-1] // shape.groups
    ops = _Operators("bottleneck", bits)
    groups = [ops.of("gru", f"gru{k + 1}", inputs=units, hidden=units) for k in range(shape.groups)]
    gates = ops.of("elementwise", "gates", elements=shape.channels[-1])
    return (*groups, replace(gates, macs=GATE_OPERATIONS * shape.channels[-1]))


@lru_cache(maxsize=64)
def _front(shape: DemucsShape, bits: int) -> tuple[Operator, ...]:
    ops = _Operators("input", bits)
    n = shape.step_samples
    level = replace(ops.of("elementwise", "divide_by_level", elements=n, operands=1), macs=n)
    return (level, *(_resampler("upsample", k, n << k, bits) for k in range(shape.n_doublings)))


@lru_cache(maxsize=64)
def _back(shape: DemucsShape, bits: int) -> tuple[Operator, ...]:
    ops = _Operators("output", bits)
    n = shape.step_samples
    level = replace(ops.of("elementwise", "return_to_level", elements=n, operands=1), macs=n)
    added = [ops.of("elementwise", "add_input", elements=n * shape.upsampling)] if shape.has_input_skip else []
    return (*added, *(_resampler("downsample", k, n << k, bits) for k in reversed(range(shape.n_doublings))), level)


def _resampler(name: str, k: int, n: int, bits: int) -> Operator:
    """Between n samples and twice as many: a filter for every other one of the faster side."""
    shape = {"height": 1, "width": n + TAPS - 1, "kernel": [1, TAPS], "padding": "valid", "channels": 1}
    op = _Operators(name, bits).of("depthwise", str(k + 1), **shape)
    # The filter is fixed, and the same for all.
    n_bytes = bytes_of(TAPS, bits) if (name, k) == ("upsample", 0) else 0
    return replace(op, weight_count=0, weight_bytes=0, constant_count=0, constant_bytes=n_bytes)


@lru_cache(maxsize=64)
def _router(shape: DemucsShape, router: RouterShape, bits: int) -> tuple[Operator, ...]:
    ops, units = _Operators("router", bits), router.units
    n_frames = shape.step_samples // router.stride
    conv = ops.of(
        "conv1d",
        "conv",
        length=shape.step_samples + router.kernel - router.stride,
        in_channels=1,
        out_channels=units,
        kernel=router.kernel,
        stride=router.stride,
        padding="valid",
    )
    inputs = ops.of("fully_connected", "recurrent_inputs", inputs=units, outputs=3 * units)
    gates = ops.of("elementwise", "recurrent_gates", elements=units, operands=4)
    # Diagonal recurrent matrices: three products a unit beside the gates'.
    gates = replace(
        gates, macs=(3 + GATE_OPERATIONS) * units, weight_count=3 * units, weight_bytes=3 * units * bits // 8
    )
    return (
        conv,
        ops.of("elementwise", "mean", elements=units, operands=n_frames),
        inputs,
        gates,
        ops.of("fully_connected", "logits", inputs=units, outputs=len(shape.ufs)),
    )


@dataclass(frozen=True)
class _Operators:
    """Makes operators whose names begin alike."""

    prefix: str
    bits: int

    def of(self, kind: str, name: str, **further: Any) -> Operator:
        entry = {"kind": kind, "name": f"{self.prefix}.{name}", **further}
        op = operator_of({**entry, "weight_bits": self.bits, "activation_bits": self.bits})
        return _with_constants(op, op.constant_count, self.bits) if self.bits == FLOAT_BITS else op


def _with_constants(op: Operator, n: int, bits: int) -> Operator:
    """With another number of biases; in floating point nothing is stored beside them."""
    each = FLOAT_BITS // 8 if bits == FLOAT_BITS else 12
    return replace(op, constant_count=n, constant_bytes=each * n)


def _buffers(shape: DemucsShape, operators: Sequence[Operator], bits: int) -> tuple[Buffer, ...]:
    """Layer by layer: every tensor until it is read, skips until they are added, pasts and states all the time."""
    return (*_states(shape, operators, bits), *_tensors(shape, operators, bits))


def _states(shape: DemucsShape, operators: Sequence[Operator], bits: int) -> Iterator[Buffer]:
    overlap = shape.kernel - shape.stride
    for level, n_inputs in enumerate(shape.inputs):
        yield Buffer(f"encoder{level + 1}.past", bytes_of(overlap * n_inputs, bits))
        yield Buffer(f"decoder{level + 1}.rest", bytes_of(overlap * n_inputs, bits))
    yield Buffer("bottleneck.state", bytes_of(shape.channels[-1], bits))
    for op in operators:
        if op.kind == "depthwise":
            yield Buffer(f"{op.name}.past", bytes_of(TAPS, bits))
        elif op.name == "router.conv":
            yield Buffer("router.past", bytes_of(op.input_elements - shape.step_samples, bits))
        elif op.name == "router.recurrent_gates":
            yield Buffer("router.state", bytes_of(op.output_elements, bits))


def _tensors(shape: DemucsShape, operators: Sequence[Operator], bits: int) -> Iterator[Buffer]:
    where = {op.name: index for index, op in enumerate(operators)}
    read_last = "output.add_input" if shape.has_input_skip else "encoder1.conv"
    heard = f"upsample.{shape.n_doublings}" if shape.n_doublings else "input"
    yield Buffer("input", bytes_of(shape.step_samples, bits), 0, where[read_last if heard == "input" else "upsample.1"])
    for index, op in enumerate(operators):
        block, _, part = op.name.partition(".")
        if part in IN_PLACE:
            continue
        first, last = index, min(index + 1, len(operators) - 1)
        if part == "glu":
            first += 1  # in place of what it reads
        if block.startswith("encoder") and part == "glu":
            last = where[f"decoder{block.removeprefix('encoder')}.mix"]
        elif block == "bottleneck":
            last = where[f"decoder{shape.depth}.mix"]
        elif block.startswith("decoder") and part == "overlap":
            # Written frame by frame; then added to a skip in place, and read by the layer that mixes it.
            first, last = index - 1, min(index + 2, len(operators) - 1)
        elif op.name == heard:
            last = where[read_last]
        elif op.name == "router.logits":
            last = len(operators) - 1
        n_elements = op.output_elements
        if block.startswith("decoder") and part == "conv":
            n_elements //= op.shape["pixels"]
        if block.startswith("upsample"):
            n_elements *= 2  # what it filters, and what it passes on
        yield Buffer(op.name, bytes_of(n_elements, bits), first, last)
