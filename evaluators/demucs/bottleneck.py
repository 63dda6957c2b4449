"""The bottleneck at inference: recurrent units side by side, which take a step together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Bottleneck:
    """Recurrent units side by side, each for its share of the channels.

    One at a time, the small ones would spend most of their time on being called.

    Args:
        units: Of one size.
    """

    def __init__(self, units: Sequence[nn.GRU]) -> None:
        self._w_i, self._w_h = (self._stacked(units, f"weight_{part}_l0").mT.contiguous() for part in ("ih", "hh"))
        self._b_i, self._b_h = (self._stacked(units, f"bias_{part}_l0")[:, None] for part in ("ih", "hh"))

    @torch.inference_mode()
    def __call__(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        """Outputs of all steps, which are the states as well.

        Args:
            x: Shape (n_sequences, n_steps, n_channels).
            before: The state before the first step, shape (n_sequences, n_channels); None: zeros.

        Returns:
            Of the shape of x.
        """
        (n_sequences, n_steps, n_channels), (n_groups, n, _) = x.shape, self._w_h.shape
        # (n_groups, n_steps, n_sequences, n): a step of all is contiguous.
        heard = x.reshape(n_sequences, n_steps, n_groups, n).permute(2, 1, 0, 3)
        of_inputs = torch.baddbmm(self._b_i, heard.flatten(1, 2), self._w_i).view(n_groups, n_steps, n_sequences, -1)
        of_new = of_inputs[..., 2 * n :].clone()
        # What a step adds to what its state says: of the new value, the reset gate comes in between.
        of_inputs[..., : 2 * n] += self._b_h[:, None, :, : 2 * n]
        of_inputs[..., 2 * n :] = self._b_h[:, None, :, 2 * n :]
        states = x.new_zeros(n_steps + 1, n_groups, n_sequences, n)
        if before is not None:
            states[0] = before.view(n_sequences, n_groups, n).transpose(0, 1)
        sums = x.new_empty(n_groups, n_sequences, 3 * n)
        gates, (reset, kept, recurrent) = sums[..., : 2 * n], sums.chunk(3, dim=-1)
        new, state = torch.empty_like(states[0]), states[0]
        for of_input, fresh, following in zip(of_inputs.unbind(1), of_new.unbind(1), states[1:].unbind(), strict=True):
            torch.baddbmm(of_input, state, self._w_h, out=sums)
            gates.sigmoid_()
            torch.addcmul(fresh, reset, recurrent, out=new).tanh_()
            torch.lerp(new, state, kept, out=following)
            state = following
        return states[1:].permute(2, 0, 1, 3).reshape(n_sequences, n_steps, n_channels)

    @staticmethod
    def _stacked(units: Sequence[nn.GRU], name: str) -> Tensor:
        return torch.stack([unit.get_parameter(name).detach() for unit in units])
