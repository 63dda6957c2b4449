"""The recurrence against PyTorch's GRU: states, and gradients of everything."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from evaluators.training.recurrence import run_gru


def _grads(cell: nn.GRU, x: torch.Tensor) -> list[torch.Tensor | None]:
    return [x.grad, *(parameter.grad for parameter in cell.parameters())]


@pytest.mark.parametrize(("n_sequences", "n_steps", "n_inputs", "n_units"), [(1, 1, 1, 1), (3, 7, 5, 4), (2, 40, 3, 9)])
def test_states_and_gradients_are_those_of_pytorch(n_sequences, n_steps, n_inputs, n_units):
    torch.manual_seed(n_steps)
    cell = nn.GRU(n_inputs, n_units, batch_first=True).double()
    weight = torch.randn(n_sequences, n_steps, n_units, dtype=torch.float64)
    inputs = torch.randn(n_sequences, n_steps, n_inputs, dtype=torch.float64)
    found = []
    for run in (lambda x: cell(x)[0], lambda x: run_gru(cell, x)):
        cell.zero_grad()
        x = inputs.clone().requires_grad_()
        y = run(x)
        (y * weight).sum().backward()
        found.append((y.detach(), _grads(cell, x)))
    (expected, expected_grads), (states, grads) = found
    torch.testing.assert_close(states, expected, rtol=1e-10, atol=1e-12)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-11)


def test_gradients_are_finite_differences():
    torch.manual_seed(0)
    cell = nn.GRU(2, 3, batch_first=True).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda inputs: run_gru(cell, inputs), (x,))


def test_what_follows_does_not_change_what_came_before():
    torch.manual_seed(1)
    cell = nn.GRU(2, 3, batch_first=True)
    x = torch.randn(1, 6, 2)
    torch.testing.assert_close(run_gru(cell, x)[:, :4], run_gru(cell, x[:, :4]))
