"""Bits of every activation map and of every layer's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaluators.quality.shape import QualityShape
from spaces import Choices, Configuration, Knob, KnobGroup

KIND = "bit_widths"
FLOAT_BITS = 32
CHOICES = Choices((*range(1, 9), FLOAT_BITS))
_MAP, _WEIGHT = "activation", "weight"


@dataclass(frozen=True)
class Widths:
    """Bits of the activation maps and of the weights, each in the order of the shape's names; 32: floating point."""

    maps: tuple[int, ...]
    weights: tuple[int, ...]

    @classmethod
    def of(cls, configuration: Configuration, shape: QualityShape) -> Widths:
        """The widths that a configuration asks for."""
        return cls(
            tuple(int(configuration[f"{KIND}.{_MAP}.{name}"]) for name in shape.maps),
            tuple(int(configuration[f"{KIND}.{_WEIGHT}.{name}"]) for name in shape.layers),
        )

    @classmethod
    def uniform(cls, shape: QualityShape, maps: int, weights: int) -> Widths:
        """The same bits everywhere."""
        return cls((maps,) * len(shape.maps), (weights,) * len(shape.layers))

    def configuration(self, shape: QualityShape) -> Configuration:
        """The inverse of `of`."""
        maps = {f"{KIND}.{_MAP}.{name}": bits for name, bits in zip(shape.maps, self.maps, strict=True)}
        weights = {f"{KIND}.{_WEIGHT}.{name}": bits for name, bits in zip(shape.layers, self.weights, strict=True)}
        return {**maps, **weights}

    @property
    def is_float(self) -> bool:
        """Whether nothing is quantized."""
        return {*self.maps, *self.weights} == {FLOAT_BITS}


def knobs(shape: QualityShape) -> Mapping[str, KnobGroup]:
    """One knob for every map and every layer's weights; default: floating point."""
    names = [*(f"{_MAP}.{name}" for name in shape.maps), *(f"{_WEIGHT}.{name}" for name in shape.layers)]
    return {KIND: {name: Knob(CHOICES, FLOAT_BITS) for name in names}}
