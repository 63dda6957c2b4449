"""Deals examples out to splits so that every split, and every beginning of one, has the classes in fair shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Name = TypeVar("Name", bound=str)


def stratified_order(strata: NDArray[np.int64], seed: int) -> Indices:
    """A random order in which every stretch holds the strata in nearly their overall shares.

    Member k (from 0) of a stratum with n members comes at (k + 1/2) / n of the way. So the first m examples hold m p of
    a stratum with the share p of all, to within (1 + n_strata p) / 2: within one where strata are equally large.

    Args:
        strata: Stratum of each example, shape (n_examples,).
        seed: Chooses who of a stratum comes first, and the order of strata that are due together.

    Returns:
        A permutation of the examples, shape (n_examples,).
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(strata))
    due = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = shuffled[strata[shuffled] == stratum]
        due[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(due[shuffled], kind="stable")].astype(np.int64)


def deal(strata: NDArray[np.int64], sizes: Mapping[Name, int], seed: int) -> dict[Name, Indices]:
    """Deal out disjoint parts of the given sizes, each with the strata in nearly their overall shares.

    Args:
        strata: Stratum of each example, shape (n_examples,).
        sizes: Name of a part -> number of examples in it; together at most `len(strata)`.
        seed: Chooses who goes where.

    Returns:
        Name of a part -> its examples, in stratified order.

    Raises:
        ValueError: If there are too few examples.
    """
    if sum(sizes.values()) > len(strata):
        raise ValueError(f"{sum(sizes.values())} examples asked for, {len(strata)} there")
    order = stratified_order(strata, seed)
    ends = np.cumsum(list(sizes.values()))
    return {name: order[end - size : end] for (name, size), end in zip(sizes.items(), ends, strict=True)}
