"""The space of a study: all its knobs together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import Configuration, canonical
from spaces.kinds import kind_of
from spaces.parameters import Categorical, Continuous, Ordered, Parameter, Value


@dataclass(frozen=True)
class Space:
    """Every knob of the system; those with a single choice are fixed.

    Attributes:
        parameters: One for every knob, in the system's order.
        defaults: Knob -> value where nothing is to be saved, e.g. full precision.
    """

    parameters: tuple[Parameter, ...]
    defaults: Mapping[str, Value]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all knobs."""
        return tuple(p.name for p in self.parameters)

    @cached_property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that have a choice left."""
        return tuple(p for p in self.parameters if p.n_levels != 1)

    @cached_property
    def size(self) -> int | None:
        """Number of configurations; None where a knob is continuous."""
        levels = [p.n_levels for p in self.parameters]
        return None if None in levels else math.prod(n for n in levels if n is not None)

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {p.name: p for p in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name."""
        return self._by_name[name]

    def contains(self, configuration: Configuration) -> bool:
        """Whether the configuration gives every knob a value that it may take."""
        return set(configuration) == set(self.names) and all(p.contains(configuration[p.name]) for p in self.parameters)

    def sample(self, rng: np.random.Generator) -> Configuration:
        """One configuration, every knob uniformly and on its own."""
        return {p.name: p.sample(rng) for p in self.parameters}

    def encode(self, configuration: Configuration) -> NDArray[np.float64]:
        """The searched knobs as numbers (see each parameter's `encode`), shape (n_searched,)."""
        return np.array([p.encode(configuration[p.name]) for p in self.searched], dtype=np.float64)

    def decode(self, codes: NDArray[np.float64]) -> Configuration:
        """Inverse of `encode`; codes between or outside the choices go to the nearest one."""
        values = {p.name: p.decode(float(code)) for p, code in zip(self.searched, codes, strict=True)}
        return {p.name: values.get(p.name, self.defaults[p.name]) for p in self.parameters}

    @cached_property
    def upper_codes(self) -> NDArray[np.float64]:
        """Largest code of each searched knob, shape (n_searched,); the smallest is 0."""
        return np.array([1.0 if p.n_levels is None else p.n_levels - 1.0 for p in self.searched])

    def neighbours(self, configuration: Configuration) -> Iterator[Configuration]:
        """Every configuration that differs by one step of one knob."""
        for parameter in self.searched:
            for value in parameter.neighbours(configuration[parameter.name]):
                yield {**configuration, parameter.name: value}

    def enumerate(self) -> Iterator[Configuration]:
        """Every configuration, the last knob running fastest.

        Raises:
            ValueError: If a knob is continuous.
        """
        levels: list[tuple[Value, ...]] = []
        for parameter in self.parameters:
            if isinstance(parameter, Continuous):
                raise ValueError(f"{parameter.name} is continuous: the space cannot be enumerated")
            levels.append(parameter.choices)
        for values in itertools.product(*levels):
            yield dict(zip(self.names, values, strict=True))

    def homogeneous(self) -> list[tuple[str, Configuration]]:
        """The baselines: all knobs of one kind at one level, the other kinds at their defaults.

        There is one for every kind and level. A knob that lacks a level takes the nearest it has.
        Continuous knobs count as five levels.

        Returns:
            Labels such as `4 bits`, each with its configuration; no configuration twice.
        """
        baselines: dict[str, tuple[str, Configuration]] = {}
        kinds = dict.fromkeys(p.name.split(".", 1)[0] for p in self.searched)
        for name in kinds:
            members = [p for p in self.searched if p.name.split(".", 1)[0] == name]
            levels = dict.fromkeys(level for p in members for level in p.levels())
            for level in sorted(levels, key=lambda v: (isinstance(v, str), v)):
                settings = {p.name: _nearest_level(p, level, self.defaults[p.name]) for p in members}
                configuration = {**self.defaults, **settings}
                baselines.setdefault(canonical(configuration), (kind_of(name).show(level), configuration))
        return list(baselines.values())


def _nearest_level(parameter: Parameter, level: Value, default: Value) -> Value:
    match parameter:
        case Ordered() if not isinstance(level, str):
            return min(parameter.choices, key=lambda choice: abs(choice - level))
        case Continuous() if not isinstance(level, str):
            return parameter.decode(parameter.encode(level))
        case Categorical() if parameter.contains(level):
            return level
    return default
