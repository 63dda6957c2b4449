"""How many threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread only, until the context ends.

    Sums that are split among threads depend on their number. Networks this small gain little by a second one, and
    lose a factor of ten as soon as somebody else uses the cores too: threads wait for each other at every operation.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
