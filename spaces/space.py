"""The space of a study: all its knobs together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import Configuration, canonical
from spaces.kinds import kind_of
from spaces.knobs import Condition
from spaces.parameters import Categorical, Continuous, Ordered, Parameter, Value


@dataclass(frozen=True)
class Space:
    """Every knob of the system; those with a single choice are fixed.

    Attributes:
        parameters: One for every knob, in the system's order.
        defaults: Knob -> value where nothing is to be saved, e.g. full precision.
        conditions: Knob -> when it has any effect; those without an entry always have. No configuration that a space
            makes sets a knob without effect to anything but its default, so that equal networks are equal.
    """

    parameters: tuple[Parameter, ...]
    defaults: Mapping[str, Value]
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all knobs."""
        return tuple(p.name for p in self.parameters)

    @cached_property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that have a choice left, and an effect with some of the others' choices."""
        return tuple(p for p in self.parameters if p.n_levels != 1 and self._can_matter(p.name))

    @cached_property
    def size(self) -> int | None:
        """Number of configurations; None where a knob is continuous."""
        if any(p.n_levels is None for p in self.searched):
            return None
        deciding = {condition.knob for name, condition in self.conditions.items() if name in self._searched_names}
        total = 0
        for values in itertools.product(*(self.parameter(name).levels() for name in deciding)):
            chosen = dict(zip(deciding, values, strict=True))
            free = (p for p in self.searched if p.name not in deciding and self._matters(p.name, chosen))
            total += math.prod(p.n_levels or 1 for p in free)
        return total

    @cached_property
    def _searched_names(self) -> frozenset[str]:
        return frozenset(p.name for p in self.searched)

    def _can_matter(self, name: str) -> bool:
        condition = self.conditions.get(name)
        return condition is None or any(map(self.parameter(condition.knob).contains, condition.values))

    def _matters(self, name: str, configuration: Configuration) -> bool:
        condition = self.conditions.get(name)
        return condition is None or configuration[condition.knob] in condition.values

    def settled(self, configuration: Configuration) -> Configuration:
        """The same with every knob that has no effect at its default."""
        if not self.conditions:
            return configuration
        return {n: v if self._matters(n, configuration) else self.defaults[n] for n, v in configuration.items()}

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
        return self.settled({p.name: p.sample(rng) for p in self.parameters})

    def encode(self, configuration: Configuration) -> NDArray[np.float64]:
        """The searched knobs as numbers (see each parameter's `encode`), shape (n_searched,)."""
        return np.array([p.encode(configuration[p.name]) for p in self.searched], dtype=np.float64)

    def decode(self, codes: NDArray[np.float64]) -> Configuration:
        """Inverse of `encode`; codes between or outside the choices go to the nearest one."""
        values = {p.name: p.decode(float(code)) for p, code in zip(self.searched, codes, strict=True)}
        return self.settled({p.name: values.get(p.name, self.defaults[p.name]) for p in self.parameters})

    @cached_property
    def upper_codes(self) -> NDArray[np.float64]:
        """Largest code of each searched knob, shape (n_searched,); the smallest is 0."""
        return np.array([1.0 if p.n_levels is None else p.n_levels - 1.0 for p in self.searched])

    def neighbours(self, configuration: Configuration) -> Iterator[Configuration]:
        """Every configuration that differs by one step of one knob."""
        for parameter in self.searched:
            if self._matters(parameter.name, configuration):
                for value in parameter.neighbours(configuration[parameter.name]):
                    yield self.settled({**configuration, parameter.name: value})

    def enumerate(self) -> Iterator[Configuration]:
        """Every configuration, the last knob running fastest.

        Raises:
            ValueError: If a knob is continuous.
        """
        levels: list[tuple[Value, ...]] = []
        for parameter in self.parameters:
            if parameter.name not in self._searched_names:
                levels.append((self.defaults[parameter.name],))
            elif isinstance(parameter, Continuous):
                raise ValueError(f"{parameter.name} is continuous: the space cannot be enumerated")
            else:
                levels.append(parameter.choices)
        for values in itertools.product(*levels):
            configuration = dict(zip(self.names, values, strict=True))
            if not self.conditions or configuration == self.settled(configuration):
                yield configuration

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
                configuration = self.settled({**self.defaults, **settings})
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
