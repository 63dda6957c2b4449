"""The seam between the search and any network: what a system must offer, and what it may leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from cost_models import Workload
from evaluators.clip_tables import ClipRow
from evaluators.metrics import Metric
from evaluators.progress import Progress, Silent
from evaluators.storage import cache_root
from spaces import Configuration, KnobGroup

EvaluationSplit = Literal["validation", "test"]
Activity = Mapping[str, float]
"""Measured shares of work done: mean utilization factor, share of frames that reach an exit, kept channels."""


@dataclass(frozen=True)
class Measurement:
    """What an evaluation found for one configuration.

    Attributes:
        metrics: Metric name -> value.
        activity: Measured shares of work done; empty for networks whose work does not depend on the input.
        standard_errors: Metric name -> standard error of the value, where it is known.
        clips: The metrics clip by clip, where there are such; see `clip_tables`.
    """

    metrics: Mapping[str, float]
    activity: Activity = field(default_factory=dict)
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    clips: Sequence[ClipRow] = ()


@dataclass(frozen=True)
class Context:
    """Where a system does its preparations.

    Attributes:
        cache: Folder for trained weights, labels and features.
        progress: Watches long work.
        fresh: Ignore what the cache holds.
        device: `cpu` or `cuda`.
    """

    cache: Path
    progress: Progress = field(default_factory=Silent)
    fresh: bool = False
    device: str = "cpu"

    def __reduce__(self) -> tuple[Any, ...]:
        """Elsewhere it is that machine's cache, and nobody watches."""
        return _context_there, (self.device,)


def _context_there(device: str) -> Context:
    return Context(cache_root(), device=device)


class System(Protocol):
    """A network whose settings can be searched: what can be chosen, how good a choice is, what it is made of."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics that `evaluate` returns."""

    def knobs(self) -> Mapping[str, KnobGroup]:
        """What a space may control: kind -> name -> knob. Cheap; called before anything is prepared."""

    def prepare(self, context: Context) -> None:
        """Load data and trained weights, training them first if need be; called once a process.

        A prepared system is sent to other machines by pickle, in memory: leave out what only this process can use
        (`__getstate__`). One that cannot be sent is prepared on each machine.
        """

    def fingerprint(self) -> str:
        """Identity of weights, data and settings, for caches; called after `prepare`. Empty: do not cache."""

    def facts(self) -> Mapping[str, Any]:
        """What a reader of the results wants to know: float accuracy, data, engine. After `prepare`; JSON-able."""

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Measure a batch of configurations, in order.

        Args:
            configurations: Complete: every knob has a value.
            split: Data to measure on.
            fidelity: Share of the split to use, in (0, 1].
        """

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """Exact costs of the system's own, beside those that follow from `workload`."""

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one inference; the worst case where the activity is not given."""

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Write what is needed to deploy the configuration into an existing, empty folder."""
