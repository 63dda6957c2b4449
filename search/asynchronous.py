"""The search without generations: whenever a worker is free the optimizer is asked again, with what is known by then.

What it asks for depends on what was finished first, so two runs differ; every record says so by its mode.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count

from search.loop import NOTHING_LEFT, SearchLoop, _job, _late, _used_up
from search.optimizers import Optimizer
from search.pareto import FrontTracker
from search.plateau import Plateau, Stream
from search.records import TrialRecord
from search.spec import Budget
from spaces import Configuration, canonical


@dataclass
class _Progress:
    """What a search has under way.

    Attributes:
        numbers: Of the trials to come.
        baselines: Configurations and labels that are still to be evaluated, before anything else.
        promised: All baselines, in canonical form.
        pending: Trials under way, by number.
        tracker: There once all baselines are.
        plateau: Watched, if the search may end on one.
        stream: Its batches.
    """

    numbers: Iterator[int]
    baselines: deque[tuple[Configuration, str]]
    promised: frozenset[str]
    pending: dict[int, TrialRecord] = field(default_factory=dict)
    tracker: FrontTracker | None = None
    plateau: Plateau | None = None
    stream: Stream | None = None
    is_exhausted: bool = False


class AsynchronousLoop(SearchLoop):
    """Keeps every worker busy to the end of the budget.

    A resumed search knows everything that was finished and goes on from there; what was under way is forgotten.
    """

    AHEAD = 0.1
    """Trials under way beyond one for each worker, as a share of these: a worker must not wait for us either."""

    def search(self, optimizer: Optimizer, budget: Budget) -> str:
        """Evaluate the baselines and what the optimizer asks for, until the budget is used up.

        Returns:
            Why it ended.
        """
        deadline = None if budget.minutes is None else time.monotonic() + 60 * budget.minutes
        self._monitor.begin("search", budget.trials)
        try:
            state = self._resumed(optimizer, budget)
            while len(self.records) < budget.trials:
                if deadline is not None and time.monotonic() >= deadline:
                    self._executor.cancel()
                    return _late(budget)
                if state.plateau is not None and state.plateau.is_reached:
                    self._executor.cancel()
                    return state.plateau.reason()
                known = self._ask(optimizer, budget, state)
                if not known and not state.pending:
                    return NOTHING_LEFT
                self._learn(optimizer, state, known or self._collected(state))
            return _used_up(budget)
        finally:
            self._monitor.end()

    def _resumed(self, optimizer: Optimizer, budget: Budget) -> _Progress:
        """What is left to do once the optimizer knows the records of an interrupted run."""
        earlier = [r for (_, split), r in self._earlier.items() if split == "validation"]
        homogeneous = self._problem.space.homogeneous()[: budget.trials]
        baselines = [(configuration, label) for label, configuration in homogeneous]
        made = {record.trial for record in earlier}
        promised = frozenset(canonical(configuration) for configuration, _ in baselines)
        todo = deque(baseline for number, baseline in enumerate(baselines) if number not in made)
        missing = [number for number in range(len(baselines)) if number not in made]
        others = (number for number in count(len(baselines)) if number not in made)
        state = _Progress(chain(missing, others), todo, promised)
        if budget.until == "plateau":
            state.plateau = Plateau(optimizer, budget.tolerance)
            state.stream = Stream(state.plateau, optimizer.batch_size)
        if earlier:
            self._learn(optimizer, state, earlier)
        return state

    def _ask(self, optimizer: Optimizer, budget: Budget, state: _Progress) -> list[TrialRecord]:
        """Give the workers something to do; returns records of trials that need no evaluation."""
        busy = max(optimizer.batch_size, math.ceil((1 + self.AHEAD) * self._executor.n_workers) + 1)
        free = busy - len(state.pending)
        if state.pending and free < self.AHEAD / 2 * self._executor.n_workers:
            return []  # enough is waiting: asking for several at a time is cheaper
        room = min(free, budget.trials - len(self.records) - len(state.pending))
        proposed: list[tuple[Configuration, str]] = []
        while state.baselines and len(proposed) < room:
            proposed.append(state.baselines.popleft())
        if room > len(proposed) and not state.is_exhausted:
            asked = optimizer.ask(room - len(proposed))
            if state.stream is not None:
                state.stream.asked()
            # Nothing may be left only for now: a sampler may find more once it has been told more.
            state.is_exhausted = not asked and not proposed and not state.pending
            # The optimizer does not know the baselines before they are done.
            proposed += [(c, "") for c in asked if canonical(c) not in state.promised]
        drafts = [self._draft(next(state.numbers), configuration, label) for configuration, label in proposed]
        known: list[TrialRecord] = []
        unknown: list[TrialRecord] = []
        for draft in drafts:
            record = self._infeasible(draft) or self._cached(draft)
            if record is None:
                unknown.append(draft)
            else:
                known.append(record)
        self._journal.append(known)
        state.pending |= {draft.trial: draft for draft in unknown}
        self._executor.submit([_job(draft) for draft in unknown])
        return known

    def _draft(self, number: int, configuration: Configuration, label: str) -> TrialRecord:
        return TrialRecord(
            number,
            "validation",
            configuration,
            "done",
            label=label,
            seed=self._problem.seed,
            mode="asynchronous",
        )

    def _collected(self, state: _Progress) -> list[TrialRecord]:
        outcomes = self._executor.collect()
        completed = [self._completed(state.pending.pop(o.job.number), o) for o in outcomes]
        self._journal.append(completed)
        self._remember(outcomes)
        return completed

    def _learn(self, optimizer: Optimizer, state: _Progress, found: list[TrialRecord]) -> None:
        self.records += found
        self._stop_if_nothing_works()
        optimizer.tell([self._observation(record) for record in found])
        note = "" if state.plateau is None else state.plateau.note()
        if state.tracker is not None:
            self._watch(state.tracker, found, note)
            if state.stream is not None:
                state.stream.told(len(found), state.tracker.hypervolume)
        elif state.baselines or any(draft.label for draft in state.pending.values()):
            self._monitor.update(len(self.records), math.nan, -1)
        else:  # only now it is known by which corner to measure
            state.tracker = self._tracker([record for record in self.records if record.label])
            self._watch(state.tracker, self.records)
