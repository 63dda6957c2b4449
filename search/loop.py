"""The one loop: ask, exact costs, cache, evaluate, record, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import numpy as np

from cost_models import ACTIVITY_COSTS, Target, Workload, workload_costs
from evaluators.system import Measurement, System
from search.constraints import Constraint, total_violation
from search.errors import RunError
from search.evaluation_cache import EvaluationCache
from search.executors import Executor, Job, Outcome
from search.front import feasible_front, is_feasible, reference_point
from search.journal import Journal
from search.objectives import Objectives
from search.optimizers import Foretold, Observation, Optimizer
from search.pareto import FrontTracker
from search.plateau import Plateau
from search.racing import Race, Racing
from search.records import TrialRecord
from search.spec import Budget
from spaces import Configuration, Space, canonical

TrialKey = tuple[int, Literal["validation", "test"]]
"""Number and split of a trial."""


NOTHING_LEFT = "nothing left to propose"
NO_RACING = Racing()


class Monitor(Protocol):
    """Watches a search."""

    def begin(self, title: str, total: int) -> None:
        """A phase of `total` trials begins."""

    def update(self, done: int, hypervolume: float, front_size: int, note: str = "") -> None:
        """So many trials of the phase are done."""

    def end(self) -> None:
        """The phase is over."""


@dataclass(frozen=True)
class Problem:
    """The parts of a study that decide what a trial's record says.

    Attributes:
        system: Prepared.
        space: What can be chosen.
        objectives: What is optimized.
        constraints: What bounds it.
        seed: Seed of the study.
        target: What cycles are for, if there is one.
        racing: Whether candidates are raced on shares of the data.
    """

    system: System
    space: Space
    objectives: Objectives
    constraints: tuple[Constraint, ...]
    seed: int
    target: Target | None = None
    racing: Racing = NO_RACING

    def costs(self, configuration: Configuration, activity: Mapping[str, float] | None = None) -> dict[str, float]:
        """All costs; expected ones are worst cases as long as the activity is not known."""
        return self.costs_of(self.system.workload(configuration, activity), configuration)

    def costs_of(self, workload: Workload, configuration: Configuration) -> dict[str, float]:
        """The same, of a workload that is there already."""
        return {**workload_costs(workload, self.target), **self.system.costs(configuration)}

    def exact_costs(self, configuration: Configuration) -> dict[str, float]:
        """The costs that no measurement can change."""
        workload = self.system.workload(configuration)
        return exact_part(self.costs_of(workload, configuration), workload)

    def foretell(self, configuration: Configuration) -> Foretold:
        """What is exact of the objectives and constraints before the evaluation."""
        metrics = self.system.metrics
        costs = {n: v for n, v in self.exact_costs(configuration).items() if n not in metrics}
        return Foretold(self.objectives.minimized_known(costs), total_violation(self.constraints, costs))


def exact_part(costs: Mapping[str, float], workload: Workload) -> dict[str, float]:
    """The costs that no measurement can change: all of them, but for dynamic networks' expected ones."""
    if not workload.is_dynamic:
        return dict(costs)
    return {n: value for n, value in costs.items() if n not in ACTIVITY_COSTS and f"{n}_worst" not in costs}


class SearchLoop:
    """Runs a search in generations; the same study gives the same records, whoever evaluates.

    Args:
        problem: What is searched.
        executor: Who evaluates; already started.
        journal: Where records go the moment they are there.
        cache: Measurements of earlier runs.
        earlier: Records of an interrupted run, by trial and split: they are not made again.
        monitor: Watches.
    """

    HOPELESS = 5
    """Failures after which a search without a single success is stopped."""

    def __init__(
        self,
        problem: Problem,
        executor: Executor,
        journal: Journal,
        cache: EvaluationCache,
        earlier: Mapping[TrialKey, TrialRecord],
        monitor: Monitor,
    ) -> None:
        self._problem = problem
        self._executor = executor
        self._journal = journal
        self._cache = cache
        self._earlier = earlier
        self._monitor = monitor
        self._worst_costs: dict[int, dict[str, float]] = {}
        self._on_shares: dict[tuple[int, float], TrialRecord] = {}
        self.records: list[TrialRecord] = []

    def search(self, optimizer: Optimizer, budget: Budget) -> str:
        """Evaluate the baselines, then what the optimizer asks for, until the budget is used up.

        Returns:
            Why it ended.
        """
        deadline = None if budget.minutes is None else time.monotonic() + 60 * budget.minutes
        plateau = Plateau(optimizer, budget.tolerance) if budget.until == "plateau" else None
        self._monitor.begin("search", budget.trials)
        try:
            baselines = self._problem.space.homogeneous()[: budget.trials]
            found = self._trials([c for _, c in baselines], [label for label, _ in baselines], deadline)
            tracker = self._tracker(found)
            while True:
                self._stop_if_nothing_works()
                self._watch(tracker, found, "" if plateau is None else plateau.note())
                if plateau is not None:
                    plateau.add(tracker.hypervolume)
                optimizer.tell([self._observation(record) for record in found])
                room = budget.trials - len(self.records)
                if room <= 0:
                    return _used_up(budget)
                if deadline is not None and time.monotonic() >= deadline:
                    return _late(budget)
                if plateau is not None and plateau.is_reached:
                    return plateau.reason()
                # Always a whole batch, though the budget may have room for less: what a search asks for must not
                # depend on its budget, or a resumed run could not be given a larger one.
                asked = optimizer.ask(optimizer.batch_size)[:room]
                if not asked:
                    return NOTHING_LEFT
                found = self._trials(asked, [""] * len(asked), deadline)
        finally:
            self._monitor.end()

    def score(self, records: Sequence[TrialRecord]) -> None:
        """Measure records of the search once more, on the test split."""
        todo = {record.trial: replace(record, split="test") for record in records}
        self._monitor.begin("test", len(todo))
        try:
            self._measure(list(todo.values()), None, lambda done: self._monitor.update(done, np.nan, -1))
        finally:
            self._monitor.end()

    def _trials(
        self, configurations: Sequence[Configuration], labels: Sequence[str], deadline: float | None
    ) -> list[TrialRecord]:
        """Records of new trials, in the order they were asked for; fewer if the deadline comes first."""
        first = len(self.records)
        drafts = [
            TrialRecord(first + i, "validation", configuration, "done", label=label, seed=self._problem.seed)
            for i, (configuration, label) in enumerate(zip(configurations, labels, strict=True))
        ]
        found = self._measure(drafts, deadline, lambda done: self._monitor.update(first + done, np.nan, -1))
        self.records += found
        return found

    def _measure(
        self, drafts: Sequence[TrialRecord], deadline: float | None, report: Callable[[int], None]
    ) -> list[TrialRecord]:
        """Complete drafts by what is known, then by evaluation; every record is written as soon as it is there."""
        found: dict[int, TrialRecord] = {}
        todo: dict[int, TrialRecord] = {}
        for draft in drafts:
            earlier = self._earlier.get((draft.trial, draft.split))
            if earlier is None:
                todo[draft.trial] = draft
            else:
                _check_same_configuration(earlier, draft)
                found[draft.trial] = earlier

        def settle(records: Sequence[TrialRecord]) -> None:
            self._journal.append(records)
            for record in records:
                found[record.trial] = record
                del todo[record.trial]
            report(len(found))

        settle([record for draft in todo.values() if (record := self._infeasible(draft)) is not None])
        # Before anything is looked up: what is dropped must not depend on what earlier runs have measured.
        settle(self._losers(todo.values(), deadline))
        settle([record for draft in todo.values() if (record := self._cached(draft)) is not None])
        for completed in self._evaluated(dict(todo), deadline):
            settle(completed)
        return [found[draft.trial] for draft in drafts if draft.trial in found]

    def _evaluated(self, drafts: Mapping[int, TrialRecord], deadline: float | None) -> Iterator[Sequence[TrialRecord]]:
        """Completed drafts as they come, kept for later runs; what is not there by the deadline is dropped."""
        self._executor.submit([_job(draft) for draft in drafts.values()])
        n_waiting = len(drafts)
        while n_waiting:
            if deadline is not None and time.monotonic() >= deadline:
                self._executor.cancel()
                return
            outcomes = self._executor.collect()
            n_waiting -= len(outcomes)
            self._remember(outcomes)
            yield [self._completed(drafts[o.job.number], o) for o in outcomes]

    def _losers(self, drafts: Iterable[TrialRecord], deadline: float | None) -> list[TrialRecord]:
        """The candidates that the front so far clearly dominates on a share of the data."""
        problem = self._problem
        candidates = [draft for draft in drafts if draft.split == "validation" and not draft.label]
        if not candidates or not problem.racing.shares:
            return []
        front = feasible_front(problem.objectives, problem.constraints, self.records)
        on_share = partial(self._on_share, deadline)
        return Race(problem.racing, problem.objectives).losers(candidates, front, on_share)

    def _on_share(self, deadline: float | None, share: float, drafts: Sequence[TrialRecord]) -> list[TrialRecord]:
        """What a share of the validation data says of trials; those that it says nothing of are left out."""
        known, todo = self._on_shares, {}
        for draft in drafts:
            if (draft.trial, share) in known:
                continue
            part = replace(draft, fidelity=share)
            cached = self._cached(part)
            if cached is None:
                todo[draft.trial] = part
            else:
                known[draft.trial, share] = cached
        for completed in self._evaluated(todo, deadline):
            known.update({(record.trial, share): record for record in completed})
        found = [known[draft.trial, share] for draft in drafts if (draft.trial, share) in known]
        return [record for record in found if record.state == "done"]

    def _infeasible(self, draft: TrialRecord) -> TrialRecord | None:
        """The record of a trial of the search that breaks a constraint on its exact costs."""
        if draft.split != "validation":
            return None
        costs = self._exact_costs(draft)
        broken = [c for c in self._problem.constraints if c.name in costs and c.violation(costs) > 0]
        if not broken:
            return None
        reason = ", ".join(f"{c.name} is {costs[c.name]:g}, bound {c.relation} {c.bound:g}" for c in broken)
        return replace(draft, state="infeasible", costs=costs, reason=reason)

    def _cached(self, draft: TrialRecord) -> TrialRecord | None:
        """The record of a trial that was measured in an earlier run."""
        measurement = self._cache.get(draft.configuration, draft.split, draft.fidelity)
        return None if measurement is None else self._measured(replace(draft, cached=True), measurement)

    def _exact_costs(self, draft: TrialRecord) -> dict[str, float]:
        workload = self._problem.system.workload(draft.configuration)
        costs = self._worst_costs[draft.trial] = self._problem.costs_of(workload, draft.configuration)
        return exact_part(costs, workload)

    def _completed(self, draft: TrialRecord, outcome: Outcome) -> TrialRecord:
        timed = replace(draft, seconds=round(outcome.seconds, 6), worker=outcome.worker)
        if outcome.measurement is None:
            return replace(
                timed, state=outcome.state, reason=outcome.reason, costs=self._problem.costs(draft.configuration)
            )
        return self._measured(timed, outcome.measurement)

    def _measured(self, draft: TrialRecord, measurement: Measurement) -> TrialRecord:
        # Worst cases were worked out before the evaluation, and need not be twice.
        known = self._worst_costs.pop(draft.trial, None)
        if known is None or measurement.activity:
            known = self._problem.costs(draft.configuration, measurement.activity or None)
        costs = known
        record = replace(
            draft,
            metrics=measurement.metrics,
            standard_errors=measurement.standard_errors,
            activity=measurement.activity,
            costs=costs,
            clips=measurement.clips,
        )
        needed = [*self._problem.objectives.names, *(c.name for c in self._problem.constraints)]
        missing = [name for name in needed if name not in record.metrics and name not in costs]
        if missing:
            return replace(record, state="failed", reason=f"the evaluation gave no {', '.join(missing)}")
        return record

    def _remember(self, outcomes: Sequence[Outcome]) -> None:
        self._cache.put(
            [
                (o.job.configuration, o.job.split, o.job.fidelity, o.measurement)
                for o in outcomes
                if o.measurement is not None
            ]
        )

    def _observation(self, record: TrialRecord) -> Observation:
        values = {**record.costs, **record.metrics, **record.estimated}
        violation = total_violation(self._problem.constraints, values)
        if record.state not in ("done", "pruned"):
            return Observation(record.configuration, None, violation)
        evaluated = self._problem.objectives.minimized_known(values)
        return Observation(record.configuration, evaluated, violation, self._excesses(record.configuration, values))

    def _excesses(self, configuration: Configuration, values: Mapping[str, float]) -> tuple[float, ...]:
        """Of the constraints that nothing but the evaluation tells."""
        constraints = self._problem.constraints
        exact = self._problem.exact_costs(configuration) if constraints else {}
        return tuple(c.excess(values) for c in constraints if c.name not in exact)

    def _stop_if_nothing_works(self) -> None:
        """A system that fails from the start is broken: say so instead of failing a thousand times."""
        if len(self.records) >= self.HOPELESS and all(r.state in ("failed", "timed_out") for r in self.records):
            reason = self.records[0].reason
            raise RunError(f"none of the first {len(self.records)} trials succeeded; the first said: {reason}")

    def _tracker(self, baselines: Sequence[TrialRecord]) -> FrontTracker:
        return FrontTracker(reference_point(self._problem.objectives, baselines))

    def _watch(self, tracker: FrontTracker, found: Sequence[TrialRecord], note: str = "") -> None:
        feasible = [r for r in found if is_feasible(r, self._problem.constraints)]
        tracker.add(self._problem.objectives.matrix(feasible))
        self._monitor.update(len(self.records), tracker.hypervolume, len(tracker), note)


def _used_up(budget: Budget) -> str:
    return f"{budget.trials:,} trials"


def _late(budget: Budget) -> str:
    return f"{budget.minutes:g} minutes"


def _check_same_configuration(earlier: TrialRecord, draft: TrialRecord) -> None:
    """The same study asks the same questions, unless a library draws other random numbers than it did."""
    if canonical(earlier.configuration) != canonical(draft.configuration):
        raise RunError(
            f"trial {earlier.trial} of the run is not what the search asks for now: "
            "the run was made by other versions (see its facts.json); start a new run with --out"
        )


def _job(draft: TrialRecord) -> Job:
    return Job(draft.trial, draft.configuration, draft.split, draft.fidelity)
