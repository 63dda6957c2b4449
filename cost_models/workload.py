"""The operator table: what a configuration makes the hardware do, independent of any target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Operator:
    """One operator of a network, as one inference executes it.

    Attributes:
        name: Unique within the workload, e.g. `gru0.hidden_reset`.
        kind: What it is: `fully_connected`, `matrix_vector`, `add`, `multiply`, `lookup`, ...
        macs: Multiply-accumulates of one execution.
        weight_count, weight_bits: Stored weights (biases not included) and their bit width.
        weight_bytes: Bytes of the weights as packed, row padding included.
        constant_bytes: Bytes stored beside the weights: biases, requantization constants, look-up tables.
        constant_count: How many of these are trained parameters (biases).
        input_elements, input_bits, output_elements, output_bits: Sizes of the tensors read and written.
        executions: Times that one inference runs the operator (a GRU operator: once per time step).
        activity: Expected share of those executions that really happen, in [0, 1]; measured on data.
        activity_p95: The share that 95 % of the inferences do not exceed; None where it is not known. Costs at this
            quantile add up over the operators: exact where all activities rise and fall together.
        shape: Named dimensions that a cycle model needs, e.g. `{"rows": 48, "columns": 8}`; see docs/targets.md.
    """

    name: str
    kind: str
    macs: int = 0
    weight_count: int = 0
    weight_bits: int = 8
    weight_bytes: int = 0
    constant_bytes: int = 0
    constant_count: int = 0
    input_elements: int = 0
    input_bits: int = 8
    output_elements: int = 0
    output_bits: int = 8
    executions: float = 1.0
    activity: float = 1.0
    activity_p95: float | None = None
    shape: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True)
class Buffer:
    """Memory that is live from operator `first` to operator `last` (indices, both included).

    `first=None` means live all the time: recurrent state, double buffers.
    """

    name: str
    n_bytes: int
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Workload:
    """The operators of one inference, in the order they run, and the memory they need.

    Attributes:
        operators: In schedule order.
        buffers: RAM buffers with their lifetimes. Empty: every operator is taken to need its input and its
            output at once and nothing else.
        is_dynamic: The executions depend on the input; activities of 1 then mean the worst case.
        n_samples: Samples of sound that one inference takes in; None where that means nothing.
    """

    operators: Sequence[Operator]
    buffers: Sequence[Buffer] = ()
    is_dynamic: bool = False
    n_samples: int | None = None


def bytes_of(elements: int, bits: int) -> int:
    """Bytes of a tensor in RAM: one byte an element up to 8 bits, two up to 16, four up to 32."""
    if bits <= 8:
        return elements
    return elements * (2 if bits <= 16 else 4)
