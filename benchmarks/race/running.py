"""Runs what is still missing of a race."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.race import contestants
from benchmarks.race.entries import CONTESTANTS, PROBLEMS, Entry
from benchmarks.race.problem import Ledger, RaceProblem, SpentError
from benchmarks.race.results import Result, Results, at_marks
from search.pareto import front_indices, hypervolume
from spaces import Continuous

REFERENCE_EVALUATIONS = 20_000


def run_missing(
    results: Results,
    memory: Path,
    problems: Sequence[str],
    names: Sequence[str],
    seeds: int,
    evaluations: int | None = None,
) -> None:
    """Run every contestant on every problem with every seed, unless the result is there; seed after seed.

    Args:
        results: Where results lie.
        memory: Folder in which evaluations are kept.
        problems, names: Which problems and contestants.
        seeds: How many, from 0.
        evaluations: At most so many; None: as many as the problem says.
    """
    known = results.read()
    made = cache(lambda name: PROBLEMS[name](memory))
    with threadpool_limits(1):
        for problem, name, seed in _units(problems, names, seeds):
            if (problem, name, seed) in known:
                continue
            raced = made(problem)
            if CONTESTANTS[name].is_for_lists and any(isinstance(p, Continuous) for p in raced.space.searched):
                continue
            limit = raced.evaluations if evaluations is None else min(evaluations, raced.evaluations)
            result = race(raced, name, CONTESTANTS[name], seed, limit)
            results.add(result)
            print(
                f"{problem:18s} {name:18s} {seed:3d} {max(result.found.values()):.6g} {result.seconds:7.1f} s",
                file=sys.stderr,
            )


def _units(problems: Sequence[str], names: Sequence[str], seeds: int) -> Iterator[tuple[str, str, int]]:
    for seed in range(seeds):
        for problem in problems:
            for name in names:
                if seed < CONTESTANTS[name].seeds:
                    yield problem, name, seed


def race(problem: RaceProblem, name: str, entry: Entry, seed: int, limit: int) -> Result:
    """One contestant, one seed."""
    watch = _Stopwatch()
    timed = replace(problem, evaluate=watch.timed(problem.evaluate))
    ledger = Ledger(timed, min(limit, entry.evaluations))
    started = time.process_time()
    with suppress(SpentError):
        entry.run(ledger, seed)
    seconds = time.process_time() - started - watch.seconds
    found = at_marks(ledger.hypervolume, ledger.limit)
    return Result(problem.name, name, seed, found, round(seconds, 2), entry.version())


def make_reference(results: Results, memory: Path, name: str) -> float:
    """Hypervolume of the exact front or of 20,000 evaluations by NSGA-II; made once."""
    if (known := results.reference(name)) is not None:
        return known
    problem = PROBLEMS[name](memory)
    if problem.front is not None:
        front = problem.front
    else:
        ledger = Ledger(problem, REFERENCE_EVALUATIONS)
        with suppress(SpentError), threadpool_limits(1):
            contestants.pymoo_search(False, ledger, seed=1000)
        values = np.array([o.values for o in ledger.observations if o.is_feasible])
        front = values[front_indices(values)]
    found = hypervolume(front, problem.corner)
    results.add_reference(name, found, front)
    return found


class _Stopwatch:
    """Adds up the processor time that evaluations take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, evaluate):  # type: ignore[no-untyped-def]
        def timed_evaluate(configurations):  # type: ignore[no-untyped-def]
            started = time.process_time()
            try:
                return evaluate(configurations)
            finally:
                self.seconds += time.process_time() - started

        return timed_evaluate
