"""Targets: what an operator's cycles follow from, as data files that say where every number comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from cost_models.terms import MAC_TERMS, Term
from cost_models.workload import Operator
from spaces import Document, Options, Problem, UserError, nearest, problems_of, unknown

TARGETS = Path(__file__).with_name("targets")
ANY_KIND = "*"


class Figure(Options):
    """A number and where it comes from."""

    value: float = Field(ge=0, description="the number")
    source: str = Field(min_length=1, description="where it comes from")


class ErrorBand(Options):
    """How far the truth may lie from the prediction, relative to it."""

    low: float = Field(gt=-1, le=0, description="-0.1: the truth may be 10 % below the prediction")
    high: float = Field(ge=0, description="0.1: it may be 10 % above")
    source: str = Field(min_length=1, description="where the band comes from")


class FitError(Options):
    """Relative error of a row on measurements that were not used for fitting it."""

    mean: float = Field(ge=0, description="mean of the absolute relative errors")
    max: float = Field(ge=0, description="largest of them")


class Kernel(Options):
    """Cycles of one kernel at one pair of bit widths, zero wait states: a sum over terms of the operator."""

    kinds: list[str] = Field(min_length=1, description='kinds of operator that it computes; "*": any without a row')
    weight_bits: int = Field(0, ge=0, le=32, description="widest weights that it takes, and how they are stored")
    activation_bits: int = Field(32, ge=1, le=32, description="widest activations that it takes")
    cycles: dict[Term, float] = Field(min_length=1, description="term -> cycles for each")
    held_out_error: FitError | None = Field(None, description="error on measurements not used for fitting")
    error_band: ErrorBand | None = Field(default=None, description="instead of the target's, for this kernel")
    source: str = Field(min_length=1, description="where the coefficients come from")

    @model_validator(mode="after")
    def _is_complete(self) -> Kernel:
        negative = [term for term, value in self.cycles.items() if value < 0]
        if negative:
            raise ValueError(f"cycles.{negative[0]} is negative")
        if self.weight_bits and not MAC_TERMS.intersection(self.cycles):
            raise ValueError(f"a kernel with weights needs a coefficient for {' or '.join(sorted(MAC_TERMS))}")
        return self


class TargetFile(Options):
    """A target as written. Kinds of operator that `kernels` does not have are those of `based_on`."""

    name: str = Field(min_length=1, max_length=100, description="what reports call it")
    description: str = Field(min_length=1, description="one line about it")
    core: str = Field(min_length=1, description="processor core, e.g. cortex_m4")
    clock_hz: int = Field(ge=10_000, le=10_000_000_000, description="clock in Hz")
    kernel_library: str = Field(min_length=1, description="kernels and their version")
    compiler: str = Field(min_length=1, description="compiler and its version")
    compiler_flags: str = Field(description="flags that the kernels were compiled with")
    weights: Literal["flash", "ram"] = Field(description="where weights are read from; ram: no wait states")
    line_bytes: int = Field(8, ge=1, le=128, description="bytes that one access to the flash fetches")
    k_core: Figure = Field(description="cycles on this board for one that the kernels take without any wait states")
    k_mem: Figure = Field(description="cycles that each line of weights fetched from flash adds")
    overhead_cycles: Figure = Field(description="cycles of one inference that belong to no operator")
    validated: bool = Field(description="whether predictions were compared with measurements")
    validation: str = Field(min_length=1, description="with which measurements, and the error found")
    error_band: ErrorBand = Field(description="how far the truth may lie from the prediction")
    based_on: str | None = Field(None, description="shipped target whose kernels serve where this one has none")
    kernels: list[Kernel] | None = Field(None, min_length=1, description="a row for each kernel")

    @model_validator(mode="after")
    def _has_kernels(self) -> TargetFile:
        if self.kernels is None and self.based_on is None:
            raise ValueError("a target needs kernels, or based_on: the name of a shipped target")
        return self


_VALUE, _BAND = {"value"}, {"low", "high"}
_DECIDING_FACTS: Any = {
    "clock_hz": True,
    "weights": True,
    "line_bytes": True,
    "k_core": _VALUE,
    "k_mem": _VALUE,
    "overhead_cycles": _VALUE,
    "error_band": _BAND,
}
_DECIDING_COLUMNS: Any = {
    "kinds": True,
    "weight_bits": True,
    "activation_bits": True,
    "cycles": True,
    "error_band": _BAND,
}
"""What of a target decides a cost; the rest is for readers."""


@dataclass(frozen=True, eq=False)
class Target:
    """A target, ready to cost operators. Two targets are equal only if they are the same object: it is a cache key.

    Attributes:
        facts: What the file says.
        kernels: Its rows, and those of the target that it is based on.
    """

    facts: TargetFile
    kernels: tuple[Kernel, ...]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.facts.name

    @cached_property
    def fingerprint(self) -> str:
        """Identity of everything that decides a cost."""
        facts = self.facts.model_dump(mode="json", include=_DECIDING_FACTS)
        rows = [row.model_dump(mode="json", include=_DECIDING_COLUMNS) for row in self.kernels]
        text = json.dumps([facts, rows], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def kernel(self, op: Operator) -> Kernel:
        """The row for an operator: of those of its kind that take its widths, the narrowest.

        Raises:
            UserError: There is none.
        """
        weight_bits = op.weight_bits if op.weight_count else 0
        # Wider outputs are accumulators, stored as they are.
        activation_bits = max(op.input_bits, op.output_bits) if op.output_bits <= 16 else op.input_bits
        rows = self._rows.get(op.kind) or self._rows.get(ANY_KIND) or ()
        for row in rows:
            if row.weight_bits >= weight_bits and row.activation_bits >= activation_bits:
                return row
        raise self._no_kernel(op, rows, f"{weight_bits}-bit weights and {activation_bits}-bit activations")

    @cached_property
    def _rows(self) -> Mapping[str, list[Kernel]]:
        rows: dict[str, list[Kernel]] = {}
        for row in sorted(self.kernels, key=lambda row: (row.activation_bits, row.weight_bits)):
            for kind in row.kinds:
                rows.setdefault(kind, []).append(row)
        return rows

    def _no_kernel(self, op: Operator, rows: Sequence[Kernel], widths: str) -> UserError:
        if rows:
            there = ", ".join(f"{row.weight_bits}/{row.activation_bits}" for row in rows)
            told = f'target "{self.name}" has no {op.kind} kernel for {widths} (operator "{op.name}")'
            return UserError.plain(told, f"at most {there} bits")
        others = ", ".join(target.name for target in shipped_targets() if op.kind in target._rows)
        kinds = ", ".join(sorted(self._rows))
        allowed = f"{kinds}; or a target that has one: {others}" if others else kinds
        told = f'target "{self.name}" has no {op.kind} kernel (operator "{op.name}")'
        return UserError.plain(told, allowed, nearest(op.kind, self._rows))


def target_names() -> list[str]:
    """Names of the shipped targets."""
    return sorted(path.stem for path in TARGETS.glob("*.yaml"))


def shipped_targets() -> Iterator[Target]:
    """All shipped targets, by name."""
    return (_shipped(name) for name in target_names())


def load_target(name: str, folder: Path) -> Target:
    """A shipped target by name, or a user's own by path.

    Args:
        name: As in `list targets`; a path if it has a slash or ends in .yaml, .yml or .json.
        folder: Where a relative path starts from.

    Raises:
        UserError: There is no such target, or its file is wrong: every problem with its line.
    """
    if "/" in name or name.endswith((".yaml", ".yml", ".json")):
        return read_target(folder / name)
    if name not in target_names():
        problem = unknown((), "target", name, target_names())
        raise UserError([Problem((), problem.message, f"{problem.allowed}, or a path ./FILE.yaml", problem.suggestion)])
    return _shipped(name)


def read_target(path: Path) -> Target:
    """Read a target file.

    Raises:
        UserError: With every problem found, each with its line.
    """
    document = Document.read(path, "target", "a target; see docs/targets.md")
    try:
        facts = TargetFile.model_validate(document.data)
    except ValidationError as error:
        raise UserError(problems_of(error, TargetFile), document.where) from error
    if facts.based_on is None:
        return Target(facts, tuple(facts.kernels or ()))
    if facts.based_on not in target_names():
        raise UserError([unknown(("based_on",), "target", facts.based_on, target_names())], document.where)
    own = {kind for kernel in facts.kernels or () for kind in kernel.kinds}
    return Target(facts, (*(facts.kernels or ()), *_inherited(_shipped(facts.based_on), own)))


def _inherited(base: Target, own: set[str]) -> Iterator[Kernel]:
    """Rows for the kinds that a target has none of its own for."""
    for kernel in base.kernels:
        kinds = [kind for kind in kernel.kinds if kind not in own]
        if kinds:
            yield kernel.model_copy(update={"kinds": kinds})


@cache
def _shipped(name: str) -> Target:
    return read_target(TARGETS / f"{name}.yaml")
