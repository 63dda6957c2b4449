"""A run: a study carried out in a directory."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evaluators.progress import Progress, Silent
from evaluators.registry import create_system
from evaluators.storage import cache_root, write_atomically
from evaluators.system import Context, System
from search.asynchronous import AsynchronousLoop
from search.errors import RunError, SpecError
from search.evaluation_cache import EvaluationCache
from search.executors import Executor, ProcessExecutor, SerialExecutor, SystemFactory
from search.executors.shipment import Shipment
from search.front import baseline_records, front_csv, front_document, front_records
from search.illustrations import keep_illustrations, read_illustrations
from search.journal import Journal
from search.loop import Monitor, Problem, SearchLoop
from search.ray_cluster import ClusterSpec
from search.records import TrialRecord
from search.references import keep_references, read_references
from search.resume import check_same_study, check_same_system, check_same_target
from search.run_directory import RunDirectory, RunFacts, writing
from search.spec import SystemSpec
from search.study import Study
from search.versions import versions


@dataclass(frozen=True)
class Run:
    """A run on disk.

    Attributes:
        directory: Where it lies.
        seconds: How long this process worked on it; 0 for one that was only opened.
    """

    directory: RunDirectory
    seconds: float = 0.0

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """A run that was carried out before.

        Raises:
            SpecError: If the path is no run directory.
        """
        directory = RunDirectory(Path(path))
        directory.read_facts()
        return cls(directory)

    def records(self) -> list[TrialRecord]:
        """All records, by trial number; the search itself first, then the test scores."""
        records = self.directory.replay().records
        return sorted(records, key=lambda r: (r.split == "test", r.trial))

    def front(self) -> dict[str, Any]:
        """The front document, made from the journal; cost breakdowns as far as the run stored them."""
        stored = self.directory.read_json(self.directory.front_json) or {}
        shown = [*stored.get("trials", ()), *stored.get("baselines", ())]
        breakdown = {trial["trial"]: trial["operators"] for trial in shown}
        references = read_references(self.directory)
        return front_document(self.directory.read_facts(), self.records(), breakdown, references)

    def write_report(self) -> Path:
        """Draw the report again; returns its path."""
        from search.report import RunView, write_report

        shown = read_illustrations(self.directory)
        with writing(self.directory.report):
            view = RunView(self.directory.path.name, self.front(), self.records(), illustrations=shown)
            write_report([view], self.directory.report)
        return self.directory.report


def carry_out(
    study: Study,
    directory: RunDirectory,
    *,
    resume: bool,
    fresh: bool,
    monitor: Monitor,
    progress: Progress | None = None,
    arrived: Shipment | None = None,
) -> Run:
    """Run a study, or go on with it.

    Args:
        study: What to do.
        directory: Where; created if need be.
        resume: Go on with the run that is there; without one, start.
        fresh: Ignore trained weights and measurements of earlier runs.
        monitor: Watches the search.
        progress: Watches preparations, and what else the system takes its time for.
        arrived: The study's system as another machine has prepared it.

    Raises:
        SpecError: If the directory holds a run and `resume` is not set, or the study is not the one that run had.
        UserError: If the target has no kernel for one of the system's operators.
        RunError: If the run cannot go on.
        KeyboardInterrupt: After what is there has been written.
    """
    started = time.monotonic()
    progress = progress or Silent()
    if directory.is_started and not resume:
        raise SpecError.plain(f"{directory.path} already holds a run", "--resume to go on with it, --out for another")
    directory.create()
    with _lock(directory):
        if directory.study.exists():
            check_same_study(directory.read_study(), study.spec.resolved())
            check_same_target(directory.read_facts(), study.target)
        if arrived is None:
            study.system.prepare(Context(cache_root(), progress, fresh))
        else:
            study = replace(study, system=arrived())
        if directory.study.exists():
            check_same_system(directory.read_facts(), study.system)
        study.costs(study.space.defaults)  # a target without a kernel that is needed shows here
        directory.write_facts(_facts(study))
        directory.write_study(study.spec.resolved())
        try:
            keep_references(study.system, directory, progress)
            factory = arrived or partial(prepared_system, study.spec.system, study.folder)
            _search(study, directory, fresh, monitor, progress, factory)
        except BaseException:
            with suppress(RunError):  # the reason for stopping matters more
                _write_results(study, directory)
            raise
        _write_results(study, directory)
    return Run(directory, time.monotonic() - started)


def free_directory(name: str, resume: bool, root: Path = Path("runs")) -> RunDirectory:
    """`runs/NAME` or, where that holds a run, `runs/NAME-2` and so on; to resume, the newest of them."""
    taken = [RunDirectory(root / name)]
    while taken[-1].is_started:
        taken.append(RunDirectory(root / f"{name}-{len(taken) + 1}"))
    return taken[-2] if resume and len(taken) > 1 else taken[-1]


def prepared_system(spec: SystemSpec, folder: Path) -> System:
    """Make and prepare a system in a worker process, from what the cache holds."""
    system = create_system(spec.name, spec.options, folder)
    system.prepare(Context(cache_root()))
    return system


def _search(
    study: Study, directory: RunDirectory, fresh: bool, monitor: Monitor, progress: Progress, factory: SystemFactory
) -> None:
    earlier = directory.replay()
    cache = EvaluationCache(cache_root() / "evaluations", study.system.fingerprint(), fresh)
    spec = study.spec
    seed = spec.optimizer.seed
    problem = Problem(study.system, study.space, study.objectives, spec.constraints, seed, study.target, spec.racing)
    journal = Journal(directory.journal, earlier.n_valid_bytes)
    try:
        with _executor(study, factory) as executor:
            known = {(r.trial, r.split): r for r in earlier.records}
            kind = AsynchronousLoop if spec.executor.mode == "asynchronous" else SearchLoop
            loop = kind(problem, executor, journal, cache, known, monitor)
            stopped = loop.search(study.optimizer(problem.foretell), study.spec.budget)
            facts = replace(directory.read_facts(), stopped=stopped)
            directory.write_facts(facts)
            front = front_records(facts, loop.records)
            loop.score([r for r in [*front, *baseline_records(loop.records)] if r.state == "done"])
        keep_illustrations(study.system, directory, front, Run(directory).front()["knee"], progress)
    finally:
        journal.close()


def _executor(study: Study, factory: SystemFactory) -> Executor:
    chosen = study.spec.executor
    if chosen.name == "serial":
        return SerialExecutor(study.system)
    if chosen.name == "ray":
        return _ray_executor(study, factory)
    return ProcessExecutor(factory, chosen.n_workers(), chosen.timeout_s, chosen.retries)


def _ray_executor(study: Study, factory: SystemFactory) -> Executor:
    from search.executors.ray_executor import RayExecutor, WorkerNeeds
    from search.executors.shipment import pack

    chosen = study.spec.executor
    return RayExecutor(
        partial(pack, study.system, factory, study.spec.system.name),
        WorkerNeeds(chosen.cpus, chosen.gpus, chosen.resources),
        chosen.workers,
        chosen.timeout_s,
        chosen.retries,
        ClusterSpec(chosen.address, chosen.dashboard, chosen.connect_s),
        study.system.fingerprint(),
    )


def _facts(study: Study) -> RunFacts:
    objectives = study.objectives
    return RunFacts(
        study=study.spec.name,
        folder=str(study.folder.resolve()),
        objectives=list(objectives.names),
        directions=dict(objectives.directions),
        constraints=[str(constraint) for constraint in study.spec.constraints],
        target=study.spec.target,
        target_fingerprint=study.target.fingerprint if study.target else "",
        system={
            "name": study.spec.system.name,
            "fingerprint": study.system.fingerprint(),
            "facts": dict(study.system.facts()),
        },
        optimizer={"name": study.spec.optimizer.name, "seed": study.spec.optimizer.seed},
        mode=study.spec.executor.mode,
        versions=versions(),
    )


def _write_results(study: Study, directory: RunDirectory) -> None:
    """Everything that follows from the journal; also after an interruption."""
    run = Run(directory)
    facts, records = directory.read_facts(), run.records()
    shown = [*front_records(facts, records), *baseline_records(records)]
    breakdown = {r.trial: [asdict(op) for op in study.costs(r.configuration).operators] for r in shown}
    document = front_document(facts, records, breakdown, read_references(directory))
    directory.write_json(directory.front_json, document)
    with writing(directory.front_csv):
        write_atomically(directory.front_csv, front_csv(document).encode())
    run.write_report()


@contextmanager
def _lock(directory: RunDirectory) -> Iterator[None]:
    """Keep a second process from writing into the same run."""
    path = directory.path / ".lock"
    with writing(path):
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(f"{directory.path} is in use by another process") from error
        yield
