"""A recurrent layer over many sequences at a time: what several of them have in common up to some step is run once.

The state after a step depends on nothing but the inputs up to it. Sequences that begin alike form a tree, and each of
its nodes is one state: what a layer costs is the number of nodes, not of sequences times steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Ids = NDArray[np.int64]
NONE = -1
"""As an id: no step, behind the end of a sequence."""


@dataclass(frozen=True)
class Histories:
    """The tree of what sequences have read.

    Nodes are numbered step by step, so those of one step are neighbours.

    Attributes:
        nodes: Node of each step of each sequence, or NONE, shape (n_sequences, n_steps).
        inputs: What each node reads, shape (n_nodes,).
        parents: The node before each node, counted from the first of its step; 0 in the first step; shape (n_nodes,).
        starts: First node of each step, and the number of nodes, shape (n_steps + 1,).
    """

    nodes: Ids
    inputs: Ids
    parents: Ids
    starts: Ids

    @classmethod
    def of(cls, sequences: Ids) -> Histories:
        """The tree of sequences.

        Args:
            sequences: What each step reads, and NONE behind the end, shape (n_sequences, n_steps).
        """
        n_sequences, n_steps = sequences.shape
        if not sequences.size:
            empty = np.zeros(0, np.int64)
            return cls(sequences, empty, empty, np.zeros(n_steps + 1, np.int64))
        order = _lexicographic_order(sequences)
        # Step by step from here on: shape (n_steps, n_sequences). Sequences that begin alike are neighbours.
        in_order = sequences[order].T
        is_new = np.ones((n_steps, n_sequences), bool)
        is_new[:, 1:] = np.logical_or.accumulate(in_order[:, 1:] != in_order[:, :-1], axis=0)
        is_new &= in_order != NONE
        starts = np.append(0, is_new.sum(axis=1).cumsum())
        nodes = is_new.cumsum().reshape(is_new.shape) - 1
        parents = np.zeros_like(nodes)
        parents[1:] = nodes[:-1] - starts[:-2, None]
        found = np.empty_like(sequences)
        found[order] = np.where(in_order == NONE, NONE, nodes).T
        return cls(found, in_order[is_new], parents[is_new], starts)


def _lexicographic_order(sequences: Ids) -> Ids:
    """Where sequences go so that those which begin alike are neighbours."""
    # Compared byte by byte, the largest first.
    rows = np.ascontiguousarray(sequences, dtype=">i4")
    return np.argsort(rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0], kind="stable")


@torch.inference_mode()
def run_histories(cell: nn.GRU, x: Tensor, histories: Histories) -> Tensor:
    """The state at every node, from a state of zeros; what `cell` gives at each step of each sequence.

    Args:
        cell: One layer and direction, with biases.
        x: What there is to read, shape (n_inputs_to_choose_from, n_inputs).
        histories: Which of it is read.

    Returns:
        Shape (n_nodes, n_units).
    """
    n_units = cell.hidden_size
    used, inputs = np.unique(histories.inputs, return_inverse=True)
    states = x.new_empty(len(histories.inputs), n_units)
    # r, z = sigmoid(W_i x + W_h h), n = tanh(W_in x + r (W_hn h)), h' = n + z (h - n), all with biases.
    weights = dict(cell.named_parameters())
    w_i, w_h, b_i, b_h = (weights[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    w_rz, w_n = w_h[: 2 * n_units].T.contiguous(), w_h[2 * n_units :].T.contiguous()
    read = torch.addmm(b_i, x[_tensor(used, x)], w_i.T)
    read_rz, read_n = (read[:, : 2 * n_units] + b_h[: 2 * n_units]), read[:, 2 * n_units :].contiguous()
    starts = histories.starts.tolist()
    most = int(np.diff(histories.starts).max(initial=0))
    all_rz, all_n, all_recurrent, all_before = (x.new_empty(most, k * n_units) for k in (2, 1, 1, 1))
    all_inputs, all_parents = _tensor(inputs, x), _tensor(histories.parents, x)
    state = x.new_zeros(1, n_units)
    for start, end in pairwise(starts):
        n_nodes = end - start
        rz, n, recurrent, before = all_rz[:n_nodes], all_n[:n_nodes], all_recurrent[:n_nodes], all_before[:n_nodes]
        torch.index_select(state, 0, all_parents[start:end], out=before)
        torch.index_select(read_rz, 0, all_inputs[start:end], out=rz)
        torch.index_select(read_n, 0, all_inputs[start:end], out=n)
        rz.addmm_(before, w_rz).sigmoid_()
        torch.addmm(b_h[2 * n_units :], before, w_n, out=recurrent)
        n.addcmul_(rz[:, :n_units], recurrent).tanh_()
        state = torch.lerp(n, before, rz[:, n_units:], out=states[start:end])
    return states


def kept(sequences: Sequence[Ids], keep: NDArray[np.bool_]) -> list[Ids]:
    """Sequences of equal lengths without some of their steps, each of shape (n_sequences, n_steps) at first.

    Args:
        sequences: Ids, NONE behind the end.
        keep: Steps to keep, none behind the end, shape (n_sequences, n_steps).
    """
    lengths = keep.sum(axis=1)
    is_step = np.arange(lengths.max(initial=0)) < lengths[:, None]
    found = []
    for ids in sequences:
        narrowed = np.full(is_step.shape, NONE, np.int64)
        narrowed[is_step] = ids[keep]
        found.append(narrowed)
    return found


def _tensor(ids: Ids, like: Tensor) -> Tensor:
    return torch.from_numpy(ids).to(like.device)
