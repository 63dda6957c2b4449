"""What sequences have in common: a tree worked out by hand, and PyTorch's own layer as a second implementation."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.nsnet2.histories import NONE, Histories, kept, run_histories

SEQUENCES = np.array([[4, 7, 9], [4, 8, NONE], [4, 7, 300], [5, NONE, NONE]])


def test_a_tree_by_hand():
    tree = Histories.of(SEQUENCES)
    assert tree.starts.tolist() == [0, 2, 4, 6]
    assert tree.inputs.tolist() == [4, 5, 7, 8, 9, 300]
    assert tree.parents.tolist() == [0, 0, 0, 0, 0, 0]
    assert tree.nodes.tolist() == [[0, 2, 4], [0, 3, NONE], [0, 2, 5], [1, NONE, NONE]]


def test_steps_that_are_not_kept_leave_no_gap():
    keep = np.array([[True, False, True], [False, True, False], [False, False, False], [False, False, False]])
    (found,) = kept([SEQUENCES], keep)
    assert found.tolist() == [[4, 9], [8, NONE], [NONE, NONE], [NONE, NONE]]


def test_nothing_is_left():
    (found,) = kept([SEQUENCES], np.zeros(SEQUENCES.shape, bool))
    tree = Histories.of(found)
    assert found.shape == (4, 0)
    assert run_histories(torch.nn.GRU(3, 2), torch.zeros(9, 3), tree).shape == (0, 2)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=6))
def test_states_are_those_of_each_sequence_alone(drawn):
    torch.manual_seed(1)
    cell, x = torch.nn.GRU(3, 4), torch.randn(3, 3)
    sequences = np.full((len(drawn), 5), NONE)
    for row, read in zip(sequences, drawn, strict=True):
        row[: len(read)] = read
    tree = Histories.of(sequences)
    states = run_histories(cell, x, tree)
    for nodes, read in zip(tree.nodes, drawn, strict=True):
        with torch.no_grad():
            expected = cell(x[read])[0]
        torch.testing.assert_close(states[torch.from_numpy(nodes[: len(read)])], expected, atol=1e-6, rtol=1e-5)
    assert len(states) == len({tuple(read[: k + 1]) for read in drawn for k in range(len(read))})
