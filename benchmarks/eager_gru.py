"""The peer of the GRU engine: fake quantization in eager PyTorch, one candidate at a time.

The same arithmetic in floats: every tensor is rounded to its format and stays a float. Written as one would after
profiling: all sequences at once, the input's products of all steps in one matrix product, the three gates of a
side in one, weights quantized once a candidate, the input once a width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, linear_maps
from evaluators.gru.formats import Format
from evaluators.gru.operators import Widths

FakeQuantize = Callable[[Tensor, Format], Tensor]
_GATES = ("reset", "update", "new")


def in_place(values: Tensor, to: Format) -> Tensor:
    """Four vectorized passes, three of them in place."""
    rounded = values.mul(1.0 / to.scale).round_()
    return rounded.clamp_(to.low - to.zero_point, to.high - to.zero_point).mul_(to.scale)


def pytorch_operator(values: Tensor, to: Format) -> Tensor:
    """PyTorch's own operator, one pass and not vectorized on CPUs."""
    return torch.fake_quantize_per_tensor_affine(values, to.scale, to.zero_point, to.low, to.high)


class EagerGru:
    """One-layer GRUs of any widths over fixed sequences, all of one length."""

    def __init__(self, calibrated: CalibratedGru, sequences: Sequences, fake_quantize: FakeQuantize) -> None:
        if calibrated.n_layers != 1 or np.any(sequences.lengths != sequences.x.shape[1]):
            raise ValueError("the peer takes one layer and sequences of one length")
        self._calibrated = calibrated
        self._fake_quantize = fake_quantize
        self._x = torch.from_numpy(sequences.x).transpose(0, 1).contiguous()
        self._maps = {
            slot: (torch.from_numpy(matrix).float(), torch.from_numpy(bias).float())
            for slot, (matrix, bias) in linear_maps(calibrated.weights).items()
        }
        self._inputs: dict[int, Tensor] = {}

    @torch.inference_mode()
    def logits(self, widths: Widths) -> Tensor:
        """Shape (n_sequences, n_classes)."""

        def quantized(values: Tensor, slot: str) -> Tensor:
            return self._fake_quantize(values, self._calibrated.format(slot, widths[slot]))

        def stacked(side: str) -> tuple[Tensor, Tensor]:
            slots = [f"gru0.{side}_{gate}.weight" for gate in _GATES]
            weights = torch.cat([quantized(self._maps[slot][0], slot) for slot in slots])
            return weights.T.contiguous(), torch.cat([self._maps[slot][1] for slot in slots])

        def gates(products: Tensor, side: str) -> list[Tensor]:
            parts = zip(products.chunk(3, dim=-1), _GATES, strict=True)
            return [quantized(part, f"gru0.{side}_{gate}.output") for part, gate in parts]

        if widths["input"] not in self._inputs:
            self._inputs[widths["input"]] = quantized(self._x, "input")
        x = self._inputs[widths["input"]]
        n_steps, n_sequences, n_features = x.shape
        weights, bias = stacked("input")
        products = torch.addmm(bias, x.view(-1, n_features), weights).view(n_steps, n_sequences, -1)
        input_reset, input_update, input_new = gates(products, "input")
        weights, bias = stacked("hidden")
        h = torch.zeros(n_sequences, weights.shape[0])
        for step in range(n_steps):
            hidden_reset, hidden_update, hidden_new = gates(torch.addmm(bias, h, weights), "hidden")
            add_reset = quantized(input_reset[step] + hidden_reset, "gru0.add_reset")
            add_update = quantized(input_update[step] + hidden_update, "gru0.add_update")
            reset = quantized(add_reset.sigmoid_(), "gru0.sigmoid_reset")
            update = quantized(add_update.sigmoid_(), "gru0.sigmoid_update")
            mul_reset = quantized(reset.mul_(hidden_new), "gru0.mul_reset")
            add_new = quantized(mul_reset.add_(input_new[step]), "gru0.add_new")
            new = quantized(add_new.tanh_(), "gru0.tanh_new")
            complement = quantized(1 - update, "gru0.complement_update")
            mul_new = quantized(complement.mul_(new), "gru0.mul_new")
            mul_state = quantized(update.mul_(h), "gru0.mul_state")
            h = quantized(mul_new.add_(mul_state), "gru0.add_state")
        weight, bias = self._maps["classifier"]
        return torch.addmm(bias, h, quantized(weight, "classifier").T)
