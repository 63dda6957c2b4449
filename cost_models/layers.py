"""Layers by their shapes: MACs, weights and everything else that an operator table holds follows from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spaces import Options

TABLE_BYTES = 2 * 256
"""Look-up tables of a recurrent layer: sigmoid and tanh of 8 bits."""

Size = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class LayerFigures:
    """What follows from the shape of a layer, for one execution.

    Attributes:
        macs: Multiply-accumulates.
        weight_count: Weights.
        channels: Accumulators with a bias and with constants of requantization of their own.
        input_elements, output_elements: Elements of the tensors read and written.
        shape: Named dimensions that a cycle model needs.
        scratch_bytes: Memory needed while the layer runs.
        table_bytes: Look-up tables.
        state_elements, state_bits: What is kept from one execution to the next; None bits: those of the output.
        steps: Executions of one run of the layer.
    """

    macs: int
    weight_count: int
    channels: int
    input_elements: int
    output_elements: int
    shape: Mapping[str, int] = field(default_factory=dict)
    scratch_bytes: int = 0
    table_bytes: int = 0
    state_elements: int = 0
    state_bits: int | None = None
    steps: int = 1


class Layer(Options, ABC):
    """What every operator of a workload file may say."""

    name: str = Field("", max_length=200, description="unique; default: kind and position")
    reads: list[str] | None = Field(
        None, description='operators whose output it reads, or "input"; default: the one before'
    )
    weight_bits: int | None = Field(None, ge=1, le=32, description="bits of a weight; default: the file's")
    activation_bits: int | None = Field(None, ge=1, le=32, description="bits of an input element; default: the file's")
    output_bits: int | None = Field(
        None, ge=1, le=32, description="bits of an output element; default: activation_bits"
    )
    executions: float = Field(1.0, gt=0, le=1e9, description="times that one inference runs it")
    activity: float = Field(1.0, ge=0, le=1, description="expected share of the executions that really happen")
    activity_p95: float | None = Field(None, ge=0, le=1, description="share that 95 % of the inferences do not exceed")

    @model_validator(mode="after")
    def _activities_agree(self) -> Layer:
        # At most 5 % of the inferences lie above the quantile, and none above 1.
        if self.activity_p95 is not None and self.activity > 0.95 * self.activity_p95 + 0.05 + 1e-9:
            raise ValueError(
                f"a mean activity of {self.activity:g} is not possible with activity_p95 {self.activity_p95:g}"
            )
        return self

    @abstractmethod
    def figures(self) -> LayerFigures:
        """What follows from its shape."""


class FullyConnected(Layer):
    """A matrix-vector product with bias."""

    kind: Literal["fully_connected"]
    inputs: Size = Field(description="elements of the vector read")
    outputs: Size = Field(description="elements of the vector written")

    def figures(self) -> LayerFigures:
        """`inputs * outputs` MACs."""
        n, m = self.inputs, self.outputs
        return LayerFigures(n * m, n * m, m, n, m, {"rows": m, "columns": n})


class _Recurrent(Layer):
    """A recurrent layer, run once a time step: a product with the input, one with the state, and gates."""

    inputs: Size = Field(description="elements read at every step")
    hidden: Size = Field(description="units")
    steps: Size = Field(1, description="time steps of one inference")
    state_bits: int | None = Field(None, ge=1, le=32, description="bits of an element kept; default: output_bits")

    def _figures(self, n_products: int, n_states: int) -> LayerFigures:
        read = self.inputs + self.hidden
        return LayerFigures(
            macs=n_products * self.hidden * read,
            weight_count=n_products * self.hidden * read,
            channels=2 * n_products * self.hidden,
            input_elements=self.inputs,
            output_elements=self.hidden,
            shape={"rows": 2 * n_products * self.hidden, "columns": read, "calls": 2, "units": self.hidden},
            # 16-bit copies of the input and of three vectors a gate, as NNoM reports for its GRU.
            scratch_bytes=2 * (self.inputs + 3 * n_products * self.hidden),
            table_bytes=TABLE_BYTES,
            state_elements=n_states * self.hidden,
            state_bits=self.state_bits,
            steps=self.steps,
        )


class Gru(_Recurrent):
    """A gated recurrent unit."""

    kind: Literal["gru"]

    def figures(self) -> LayerFigures:
        """`3 * hidden * (inputs + hidden)` MACs a step."""
        return self._figures(n_products=3, n_states=1)


class Lstm(_Recurrent):
    """A long short-term memory."""

    kind: Literal["lstm"]

    def figures(self) -> LayerFigures:
        """`4 * hidden * (inputs + hidden)` MACs a step."""
        return self._figures(n_products=4, n_states=2)


class Elementwise(Layer):
    """A sum, a product, an activation or anything else that computes every output from as many inputs."""

    kind: Literal["elementwise"]
    elements: Size = Field(description="elements written")
    operands: Size = Field(2, description="tensors read")

    def figures(self) -> LayerFigures:
        """No MACs."""
        return LayerFigures(0, 0, 0, self.elements * self.operands, self.elements, {"operands": self.operands})
