"""The router: which utilization factor every step of the bottleneck runs at, from the sound alone."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.shape import DemucsShape


class DiagonalGru(nn.Module):
    """A gated recurrent unit whose recurrent matrices are diagonal: units hear each other only through the input.

    r, z = sigmoid(W x + b + u h), n = tanh(W x + b + r u h), h' = n + z (h - n).
    """

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(n_inputs, 3 * n_units)
        self.recurrent = nn.Parameter(torch.empty(3, n_units).uniform_(-1, 1))

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """States of all steps, shape (n_sequences, n_steps, n_units).

        Args:
            x: Shape (n_sequences, n_steps, n_inputs).
            state: Before the first step, shape (n_sequences, n_units); None: zeros.
        """
        n_units = self.recurrent.shape[1]
        h = x.new_zeros(len(x), n_units) if state is None else state
        u_r, u_z, u_n = self.recurrent
        states = []
        for of_step in self.inputs(x).unbind(dim=1):
            a_r, a_z, a_n = of_step.chunk(3, dim=-1)
            r = torch.sigmoid(a_r + u_r * h)
            z = torch.sigmoid(a_z + u_z * h)
            n = torch.tanh(a_n + r * (u_n * h))
            h = n + z * (h - n)
            states.append(h)
        return torch.stack(states, dim=1)


class Router(nn.Module):
    """Convolution over the sound, ReLU, mean over a step, diagonal recurrence, one logit a factor.

    Args:
        shape: Sizes of the network that it steers.
        sizes: Its own sizes.
    """

    def __init__(self, shape: DemucsShape, sizes: RouterShape) -> None:
        super().__init__()
        self.sizes = sizes
        self._frames_per_step = shape.step_samples // sizes.stride
        self.conv = nn.Conv1d(1, sizes.units, sizes.kernel, sizes.stride)
        self.recurrence = DiagonalGru(sizes.units, sizes.units)
        self.logits = nn.Linear(sizes.units, len(shape.ufs))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of all steps, from silence on, shape (n_sequences, n_steps, n_ufs).

        Args:
            x: Sound at the network's level, shape (n_sequences, step_samples * n_steps).
        """
        return self.logits(self.recurrence(self.features(x, None)))  # type: ignore[no-any-return]

    def features(self, x: Tensor, past: Tensor | None) -> Tensor:
        """What the recurrence hears in every step, shape (n_sequences, n_steps, n_units).

        Args:
            x: As in `forward`.
            past: The kernel - stride samples before x; None: silence.
        """
        if past is None:
            past = x.new_zeros(len(x), self.sizes.kernel - self.sizes.stride)
        filtered = self.conv(torch.cat([past, x], dim=1)[:, None]).relu()
        return filtered.unflatten(-1, (-1, self._frames_per_step)).mean(dim=-1).transpose(1, 2)  # type: ignore[no-any-return]


def biased(logits: Tensor, bias: float) -> Tensor:
    """Logits with a lean towards larger factors (bias above 0) or smaller ones, linear in the factor's place."""
    return logits + bias * torch.linspace(-1, 1, logits.shape[-1])


def leaning(router: Router, bias: float) -> Router:
    """A copy of a router whose logits lean by themselves."""
    copy = deepcopy(router)
    with torch.no_grad():
        copy.logits.bias.copy_(biased(router.logits.bias, bias))
    return copy


def decisions(logits: Tensor, bias: float) -> Tensor:
    """Place of the factor chosen in every step, int64, shape (n_sequences, n_steps)."""
    return biased(logits, bias).argmax(dim=-1)


def straight_through(logits: Tensor, temperature: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One-hot choices by Gumbel-softmax, whose gradients are those of the soft weights; and the soft weights.

    Jang et al., "Categorical reparameterization with Gumbel-softmax", 2017.
    """
    uniform = torch.rand(logits.shape, generator=generator).clamp(1e-9, 1 - 1e-7).to(logits)
    soft = torch.softmax((logits - torch.log(-torch.log(uniform))) / temperature, dim=-1)
    hard = nn.functional.one_hot(soft.argmax(dim=-1), logits.shape[-1]).to(soft)
    return hard + soft - soft.detach(), soft
