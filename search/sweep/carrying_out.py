"""Carries a sweep out: Ray Tune schedules the studies, their own journals are what is resumed.

Tune gets one trial for each study that has no outcome yet. Its own state would be pickled into the storage, and loading
it would run whatever stands there; it goes to a scratch folder instead and is never read.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import yaml

from evaluators.progress import Progress, Silent
from evaluators.storage import cache_root, settings_hash, write_atomically
from evaluators.system import Context
from search.errors import SpecError
from search.executors.shipment import Shipment, pack
from search.ray_cluster import ClusterSpec, connected, variables
from search.run import prepared_system
from search.run_directory import writing
from search.sweep.spec import Cell, Sweep
from search.sweep.storage import Storage
from search.sweep.summary import Summary
from search.sweep.trial import Outcome, Task, carry_out_task

STUDIES = "studies"
"""Folder of the run directories in the storage."""


class Watcher(Protocol):
    """Watches a sweep."""

    def began(self, cells: Sequence[str], finished: Mapping[str, Outcome]) -> None:
        """The sweep begins; some of its cells may be finished."""

    def told(self, cell: str, state: Mapping[str, Any]) -> None:
        """Something has become known of a cell."""

    def ended(self) -> None:
        """The sweep is over."""


def storage_of(sweep: Sweep, out: str | None) -> Storage:
    """Where the sweep lies."""
    return Storage((out or sweep.options.storage or f"runs/sweeps/{sweep.options.name}").rstrip("/"))


def carry_out_sweep(
    sweep: Sweep, storage: Storage, watcher: Watcher, *, resume: bool, progress: Progress | None = None
) -> Summary:
    """Carry out the studies that are not finished, then compare all of them.

    Args:
        sweep: What to do.
        storage: Where.
        watcher: Watches.
        resume: Go on with what is there.
        progress: Watches preparations.

    Raises:
        SpecError: If something is there and `resume` is not set.
        RunError: If the storage cannot be written, or the cluster does not answer.
        MissingExtraError: Without Ray.
    """
    if not resume and storage.holds_anything():
        raise SpecError.plain(f"{storage} already holds a sweep", "--resume to go on with it, --out for another")
    storage.check_writable()
    finished = _finished(sweep, storage)
    todo = [cell for cell in sweep.cells if cell.name not in finished]
    watcher.began([cell.name for cell in sweep.cells], finished)
    try:
        if todo:
            options = sweep.options
            cluster = ClusterSpec(options.address, options.dashboard, options.connect_s)
            with _quiet_tune(), connected(cluster, "a sweep"):
                _tune(sweep, todo, storage, watcher, progress or Silent())
    finally:
        watcher.ended()
    return _compared(sweep, storage)


def _finished(sweep: Sweep, storage: Storage) -> dict[str, Outcome]:
    if not storage.holds_anything(STUDIES):
        return {}
    with Storage(f"{storage}/{STUDIES}").folder() as folder:
        outcomes = {cell.name: Outcome.read(folder / cell.name) for cell in sweep.cells}
    return {name: outcome for name, outcome in outcomes.items() if outcome is not None and outcome.state == "done"}


def _tune(sweep: Sweep, todo: Sequence[Cell], storage: Storage, watcher: Watcher, progress: Progress) -> None:
    import ray
    from ray import tune

    from search.executors.ray_worker import installed

    shipments = {key: ray.put(shipment) for key, shipment in _shipments(todo, progress).items()}
    tasks = [
        Task(
            cell.name,
            _of_trial(cell, sweep),
            str(cell.study.folder.resolve()),
            Storage(f"{_absolute(storage)}/{STUDIES}"),
            installed(),
            tuple(sys.path),
        )
        for cell in todo
    ]
    references = [[shipments[_key(cell)]] for cell in todo]

    def trial(config: Mapping[str, Any]) -> None:
        index = config["study"]
        carry_out_task(tasks[index], ray.get(references[index][0]), tune.report)

    needs = {"cpu": sweep.options.cpus, "gpu": sweep.options.gpus}
    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trial, needs),
            param_space={"study": tune.grid_search(list(range(len(todo))))},
            tune_config=tune.TuneConfig(max_concurrent_trials=sweep.options.parallel),
            run_config=tune.RunConfig(
                name=sweep.options.name,
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=sweep.options.retries),
                callbacks=[_callback(todo, watcher)],
            ),
        )
        tuner.fit()


def _shipments(cells: Sequence[Cell], progress: Progress) -> dict[str, Shipment]:
    """Each system once, prepared here: trained once, and measuring the same everywhere."""
    found: dict[str, Shipment] = {}
    for cell in cells:
        if _key(cell) not in found:
            spec, system = cell.study.spec.system, cell.study.system
            system.prepare(Context(cache_root(), progress))
            found[_key(cell)] = pack(system, partial(prepared_system, spec, cell.study.folder), spec.name)
    return found


def _key(cell: Cell) -> str:
    return settings_hash([cell.study.spec.resolved()["system"], str(cell.study.folder.resolve())])


def _of_trial(cell: Cell, sweep: Sweep) -> dict[str, Any]:
    """The study as its trial runs it: with workers on its own machine, as many as it has cores."""
    resolved = cell.study.spec.resolved()
    workers = max(1, int(sweep.options.cpus))
    return {**resolved, "executor": {**resolved["executor"], "name": "processes", "workers": workers}}


def _absolute(storage: Storage) -> str:
    return storage.location if storage.is_remote else str(Path(storage.location).resolve())


def _callback(cells: Sequence[Cell], watcher: Watcher) -> Any:
    from ray import tune

    class Telling(tune.Callback):  # type: ignore[misc]
        """Hands on what Tune gets to know."""

        def __reduce__(self) -> tuple[Any, ...]:
            """Tune saves its callbacks; whoever watches stays here."""
            return tune.Callback, ()

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            watcher.told(cells[trial.config["study"]].name, {"state": "running"})

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any) -> None:
            watcher.told(cells[trial.config["study"]].name, result)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            watcher.told(cells[trial.config["study"]].name, {"state": "failed"})

    return Telling()


@contextmanager
def _quiet_tune() -> Iterator[None]:
    """Without Tune's own tables, files, tracebacks and handling of Ctrl-C."""
    settings = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.train", "ray.air")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with variables(settings):
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _compared(sweep: Sweep, storage: Storage) -> Summary:
    """Write the summary and the comparing report beside the runs."""
    from search.report.sweep import write_sweep_report

    with storage.folder() as folder:
        outcomes = {
            cell.name: Outcome.read(folder / STUDIES / cell.name) or Outcome("failed", "the worker died")
            for cell in sweep.cells
        }
        summary = Summary.of(sweep, outcomes, str(storage))
        resolved = yaml.safe_dump(sweep.options.model_dump(mode="json"), sort_keys=False)
        with writing(folder):
            write_atomically(folder / "sweep.yaml", resolved.encode())
            write_atomically(folder / "summary.json", summary.to_json().encode())
            write_sweep_report(sweep, summary, folder / STUDIES, folder / "report.html")
    return summary
