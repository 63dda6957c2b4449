"""docs/integer_gru.md once more, in exact fractions and plain Python integers, one number at a time.

A second implementation for tests: it shares nothing with the package but the formats that calibration chose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from evaluators.gru.calibration import CalibratedGru
from evaluators.gru.operators import Widths

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Tensor:
    """How a tensor's integers stand for real numbers."""

    bits: int
    scale: Fraction
    zero: int

    def clamp(self, q: int) -> int:
        return min(max(q, -(2 ** (self.bits - 1))), 2 ** (self.bits - 1) - 1)


class Page:
    """One network at given widths."""

    def __init__(self, calibrated: CalibratedGru, widths: Widths) -> None:
        self._calibrated = calibrated
        self._widths = widths

    def tensor(self, slot: str) -> Tensor:
        chosen = self._calibrated.format(slot, self._widths[slot])
        return Tensor(chosen.bits, Fraction(chosen.scale), chosen.zero_point)

    def run(self, x: list[list[float]]) -> tuple[list[int], list[list[int]]]:
        """Logits and carried states of one sequence of real features."""
        states = [[self.tensor(f"gru{k}.add_state").zero] * n for k, n in enumerate(self._hidden())]
        for features in x:
            read, source = [self._quantize(v, "input") for v in features], "input"
            for index in range(len(states)):
                states[index] = self._cell(index, read, source, states[index])
                read, source = self._as_read(index, states[index]), f"gru{index}.state"
        last = len(states) - 1
        weights = self._calibrated.weights
        logits = self._accumulate(
            "classifier",
            weights.classifier_weight,
            weights.classifier_bias,
            self._as_read(last, states[last]),
            f"gru{last}.state",
        )
        return logits, states

    def _hidden(self) -> list[int]:
        return [layer.n_hidden for layer in self._calibrated.weights.layers]

    def _quantize(self, value: float, slot: str) -> int:
        to = self.tensor(slot)
        return to.clamp(math.floor(float(value) / float(to.scale) + 0.5) + to.zero)

    def _cell(self, index: int, x: list[int], source: str, carried: list[int]) -> list[int]:
        gru, h = f"gru{index}.", self._as_read(index, carried)
        layer = self._calibrated.weights.layers[index]
        n = layer.n_hidden
        products = {}
        for side, weight, bias, read, read_slot in (
            ("input", layer.weight_ih, layer.bias_ih, x, source),
            ("hidden", layer.weight_hh, layer.bias_hh, h, gru + "state"),
        ):
            for part, gate in enumerate(("reset", "update", "new")):
                name, rows = f"{gru}{side}_{gate}", slice(part * n, (part + 1) * n)
                sums = self._accumulate(name + ".weight", weight[rows], bias[rows], read, read_slot)
                ratio = self.tensor(name + ".weight").scale * self.tensor(read_slot).scale
                products[f"{side}_{gate}"] = [self._requantize(acc, ratio, name + ".output") for acc in sums]
        return [
            self._unit(gru, {name: values[unit] for name, values in products.items()}, carried[unit])
            for unit in range(n)
        ]

    def _unit(self, gru: str, p: dict[str, int], carried: int) -> int:
        add_reset = self._sum(
            gru, "input_reset.output", p["input_reset"], "hidden_reset.output", p["hidden_reset"], "add_reset"
        )
        add_update = self._sum(
            gru, "input_update.output", p["input_update"], "hidden_update.output", p["hidden_update"], "add_update"
        )
        reset = self._table(gru, "add_reset", add_reset, "sigmoid_reset", _sigmoid)
        update = self._table(gru, "add_update", add_update, "sigmoid_update", _sigmoid)
        mul_reset = self._product(gru, "sigmoid_reset", reset, "hidden_new.output", p["hidden_new"], "mul_reset")
        add_new = self._sum(gru, "input_new.output", p["input_new"], "mul_reset", mul_reset, "add_new")
        new = self._table(gru, "add_new", add_new, "tanh_new", np.tanh)
        complement = self._complement(gru, update)
        mul_new = self._product(gru, "complement_update", complement, "tanh_new", new, "mul_new")
        mul_state = self._product(gru, "sigmoid_update", update, "add_state", carried, "mul_state")
        return self._sum(gru, "mul_new", mul_new, "mul_state", mul_state, "add_state")

    def _accumulate(
        self, slot: str, weight: np.ndarray, bias: np.ndarray, read: list[int], read_slot: str
    ) -> list[int]:
        w, x = self.tensor(slot), self.tensor(read_slot)
        sums = []
        for row, b in zip(weight, bias, strict=True):
            start = math.floor(float(b) / (float(w.scale) * float(x.scale)) + 0.5)
            products = (self._quantize(v, slot) * (q - x.zero) for v, q in zip(row, read, strict=True))
            sums.append(min(max(start, -(2**30)), 2**30) + sum(products))
        return sums

    def _requantize(self, acc: int, scale: Fraction, slot: str) -> int:
        out = self.tensor(slot)
        # The ratio is a double, as its scales are.
        ratio = Fraction(float(scale) / float(out.scale))
        shift = next(s for s in range(1, 56) if 2**23 <= ratio * 2**s < 2**24)
        multiplier = 2 * math.floor(ratio * 2 ** (shift - 1)) + 1
        return out.clamp(out.zero + math.floor(Fraction(acc * multiplier, 2**shift) + HALF))

    def _product(self, gru: str, a_name: str, a: int, b_name: str, b: int, out: str) -> int:
        a_, b_ = self.tensor(gru + a_name), self.tensor(gru + b_name)
        return self._requantize((a - a_.zero) * (b - b_.zero), a_.scale * b_.scale, gru + out)

    def _sum(self, gru: str, a_name: str, a: int, b_name: str, b: int, out_name: str) -> int:
        a_, b_, out = (self.tensor(gru + name) for name in (a_name, b_name, out_name))
        ratios = [Fraction(float(t.scale) / float(out.scale)) for t in (a_, b_)]
        return self._shifted(ratios, [a_, b_], [a, b], out, Fraction(0))

    def _complement(self, gru: str, update: int) -> int:
        a_, out = self.tensor(gru + "sigmoid_update"), self.tensor(gru + "complement_update")
        ratio = Fraction(-float(a_.scale) / float(out.scale))
        return self._shifted([ratio], [a_], [update], out, Fraction(1.0 / float(out.scale)))

    def _shifted(self, ratios: list[Fraction], operands: list[Tensor], q: list[int], out: Tensor, one: Fraction) -> int:
        is_wide = max(t.bits for t in (*operands, out)) > 8
        for shift in range(40 if is_wide else 30 - out.bits, 0, -1):
            multipliers = [math.floor(ratio * 2**shift + HALF) for ratio in ratios]
            constant = 2 ** (shift - 1) + out.zero * 2**shift + math.floor(one * 2**shift + HALF)
            constant -= sum(t.zero * m for t, m in zip(operands, multipliers, strict=True))
            limits = (2**24, 2**60) if is_wide else (2**21, 2**30)
            if max(map(abs, multipliers)) < limits[0] and abs(constant) < limits[1]:
                total = sum(m * v for m, v in zip(multipliers, q, strict=True)) + constant
                return out.clamp(total // 2**shift)
        raise AssertionError("no shift fits")

    def _table(self, gru: str, read: str, q: int, out_name: str, function: Callable[[float], float]) -> int:
        read_, out = self.tensor(gru + read), self.tensor(gru + out_name)
        value = function(float(read_.scale) * (q - read_.zero))
        return out.clamp(math.floor(value / float(out.scale) + 0.5) + out.zero)

    def _as_read(self, index: int, carried: list[int]) -> list[int]:
        from_, to = self.tensor(f"gru{index}.add_state"), self.tensor(f"gru{index}.state")
        if from_.bits == to.bits:
            return carried
        return [self._requantize(q - from_.zero, from_.scale, f"gru{index}.state") for q in carried]


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
