"""Evaluates on a Ray cluster: warm actors get batches; machines may be lost, and may join late.

Ray schedules actors, carries messages and notices what died. What to send where, when to give up and what to try again
is decided here, so that a loss costs what it costs with worker processes.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from search.errors import RunError
from search.executors.base import Job, Outcome
from search.executors.batches import Batch, BatchQueue
from search.executors.shipment import Shipment
from search.ray_cluster import ClusterSpec, alive_nodes, connected


class ClusterWarning(UserWarning):
    """A part of the cluster is not used, or was lost."""


@dataclass(frozen=True)
class WorkerNeeds:
    """What each worker takes of its machine.

    Attributes:
        cpus: Cores, also the number of threads that libraries may use.
        gpus: GPUs; a share of one is possible.
        resources: Ray's custom resources, by name.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)

    def of_node(self, node: Mapping[str, float]) -> int:
        """How many workers a machine with these resources has room for."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, **self.resources}
        return int(min(node.get(name, 0.0) / amount for name, amount in wanted.items() if amount) + 1e-9)

    def __str__(self) -> str:
        named = {"cpus": self.cpus, "gpus": self.gpus, **self.resources}
        return ", ".join(f"{name} {amount:g}" for name, amount in named.items() if amount)


@dataclass
class _Member:
    """A worker, and what it has been given.

    Attributes:
        actor: Ray's handle.
        preparing: Answer to `prepare`, as long as it is not there.
        node: Its machine; empty as long as it has none.
        name: Machine and process, for people.
        batches: Under way, with the reference of the answer; the first one is being evaluated.
        since: When the first one's time began.
    """

    actor: Any
    preparing: Any
    node: str = ""
    name: str = ""
    batches: deque[tuple[Any, Batch]] = field(default_factory=deque)
    since: float = 0.0


class RayExecutor:
    """Keeps as many warm workers as the cluster has room for, or as many as asked for.

    Args:
        shipment: Packs the prepared system; it is sent to each machine once.
        needs: What a worker takes of its machine.
        n_workers: At most; None follows the size of the cluster.
        timeout_s: Longest time for a single evaluation, and for a batch.
        retries: Further attempts of a single job after a crash or a timeout, on another machine where there is one.
        cluster: Where.
        expected: Fingerprint that the system must have on every machine; empty if it has none.
    """

    BREAKDOWNS = 3
    """Times in a row that workers may die while they take in the system."""
    LOSSES = 3
    """Machines that may be lost under the same batch before it is suspected."""
    DEPTH = 2
    """Batches at a worker: while one is evaluated the next is on its way."""
    LOOK_S = 1.0
    """Seconds between two looks at the cluster."""

    def __init__(
        self,
        shipment: Callable[[], Shipment],
        needs: WorkerNeeds,
        n_workers: int | None,
        timeout_s: float,
        retries: int,
        cluster: ClusterSpec,
        expected: str = "",
    ) -> None:
        self._pack = shipment
        self._needs = needs
        self._wanted = n_workers
        self._timeout_s = timeout_s
        self._cluster = cluster
        self._expected = expected
        self._queue = BatchQueue(retries)
        self._members: list[_Member] = []
        self._unfit: dict[str, str] = {}
        self._lost: set[str] = set()
        self._breakdowns = 0
        self._looked = self._hopeful = -1.0
        self._started = False
        self._exit = ExitStack()
        self.connection = ""

    @property
    def n_workers(self) -> int:
        """Workers that are there or on their way."""
        return max(1, len(self._members))

    @property
    def n_ready(self) -> int:
        """Workers that have their system."""
        return sum(member.preparing is None for member in self._members)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs and keep every worker busy."""
        self._check_started()
        self._queue.submit(jobs)
        self._dispatch()

    def collect(self) -> list[Outcome]:
        """Wait until some batch ends for good.

        Raises:
            RunError: If no machine can work, or the workers die before they evaluate anything.
        """
        outcomes: list[Outcome] = []
        while not outcomes and (self._queue or any(member.batches for member in self._members)):
            self._look_after_cluster()
            for reference in self._answered():
                outcomes += self._take(reference)
            outcomes += self._overdue()
            if not self._members and not self._has_hope():
                outcomes += self._give_up()
            self._dispatch()
        if outcomes:
            self._breakdowns = 0
        return outcomes

    def cancel(self) -> None:
        """Empty the queue and end the workers that are busy; others take their places."""
        self._queue.clear()
        for member in [m for m in self._members if m.batches]:
            self._end(member)
        if self._started:
            self._look_after_cluster(at_once=True)

    def _answered(self) -> list[Any]:
        """References of answers that are there, after waiting a little for the first of them."""
        import ray

        waiting = [m.preparing for m in self._members if m.preparing is not None]
        waiting += [m.batches[0][0] for m in self._members if m.batches]
        if not waiting:
            time.sleep(0.05)
            return []
        ready, _ = ray.wait(waiting, num_returns=1, timeout=self._patience(), fetch_local=True)
        if ready:  # one is there: take along the others that are
            ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return list(ready)

    def _patience(self) -> float:
        """Seconds until something must be looked after."""
        deadlines = [m.since + self._timeout_s for m in self._members if m.batches]
        return max(0.0, min([self.LOOK_S, *(deadline - time.monotonic() for deadline in deadlines)]))

    def _take(self, reference: Any) -> list[Outcome]:
        import ray

        member = next((m for m in self._members if m.preparing == reference or _awaits(m, reference)), None)
        if member is None:  # ended meanwhile
            return []
        try:
            answer = ray.get(reference)
        except ray.exceptions.RayError as error:
            return self._after_death(member, error)
        if member.preparing == reference:
            self._welcome(member, answer)
            return []
        member.batches.popleft()
        member.since = time.monotonic()
        outcomes: list[Outcome] = answer
        self._queue.size.learn(len(outcomes), sum(outcome.seconds for outcome in outcomes))
        return outcomes

    def _welcome(self, member: _Member, welcome: Any) -> None:
        """Let a worker begin, or leave its machine out from now on."""
        from search.executors.ray_worker import differences, installed

        member.preparing, member.node = None, welcome.node
        member.name = f"{welcome.host} {welcome.pid}"
        other = differences(installed(), welcome.installed)
        if other:
            self._exclude(member, welcome.host, f"it has {other}")
        elif welcome.problem:
            self._exclude(member, welcome.host, f"it cannot prepare the system: {welcome.problem}{self._why_sent()}")
        elif self._expected and welcome.fingerprint != self._expected:
            self._exclude(member, welcome.host, "its weights or data are others")

    def _why_sent(self) -> str:
        reason = self._shipment.reason
        return f" (it had to, as the system cannot be serialized: {reason})" if reason else ""

    def _exclude(self, member: _Member, host: str, why: str) -> None:
        self._end(member)
        if member.node not in self._unfit:
            self._unfit[member.node] = why
            if self._room():  # else it is told as the reason for giving up
                warnings.warn(f"{host} ({member.node[:8]}) is left out: {why}", ClusterWarning, stacklevel=2)

    def _after_death(self, member: _Member, error: Exception) -> list[Outcome]:
        """A worker died, with its machine or alone; only what it was evaluating may be the reason."""
        self._end(member)
        self._looked = -1.0
        is_lost = _is_of_machine(error)
        if member.preparing is not None:
            if not is_lost:
                self._count_breakdown(error)
            return []
        (_, first), *others = member.batches
        for _, batch in others:
            self._queue.put_back(batch)
        if is_lost and first.losses < self.LOSSES:
            self._tell_loss(member)
            self._queue.put_back(replace(first, losses=first.losses + 1, avoid=first.avoid | {member.node}))
            return []
        return self._queue.after_loss(first, "failed", f"the worker died ({_cause(error)})", member.node)

    def _count_breakdown(self, error: Exception) -> None:
        self._breakdowns += 1
        if self._breakdowns >= self.BREAKDOWNS:
            raise RunError(
                f"the workers die before they evaluate anything ({_cause(error)}); is there enough memory for them?"
            )

    def _tell_loss(self, member: _Member) -> None:
        if member.node not in self._lost:
            self._lost.add(member.node)
            text = f"{member.name.partition(' ')[0]} ({member.node[:8]}) was lost; its work goes to others"
            warnings.warn(text, ClusterWarning, stacklevel=2)

    def _overdue(self) -> list[Outcome]:
        """End workers whose batch takes too long."""
        outcomes: list[Outcome] = []
        now = time.monotonic()
        for member in [m for m in self._members if m.batches and now - m.since >= self._timeout_s]:
            (_, first), *others = member.batches
            self._end(member)
            for _, batch in others:
                self._queue.put_back(batch)
            reason = f"no answer within {self._timeout_s:g} s"
            outcomes += self._queue.after_loss(first, "timed_out", reason, member.node)
        return outcomes

    def _dispatch(self) -> None:
        """One batch for every worker before any gets a second one."""
        for depth in range(self.DEPTH):
            for member in self._members:
                if not self._queue:
                    return
                if member.preparing is None and len(member.batches) == depth:
                    batch = self._queue.take(self.n_workers, member.node)
                    if not member.batches:
                        member.since = time.monotonic()
                    member.batches.append((member.actor.evaluate.remote(batch.jobs), batch))

    def _look_after_cluster(self, *, at_once: bool = False) -> None:
        """Start workers where there is room for them, now and then."""
        now = time.monotonic()
        if not at_once and now - self._looked < self.LOOK_S:
            return
        self._looked = now
        room = self._room()
        n = room if self._wanted is None else min(self._wanted, room)
        for _ in range(n - len(self._members)):
            self._members.append(self._new_member())

    def _room(self) -> int:
        """How many workers the usable machines can hold."""
        nodes = alive_nodes()
        return sum(self._needs.of_node(nodes[node]) for node in nodes if node not in self._unfit)

    def _new_member(self) -> _Member:
        excluded = {"label_selector": {"ray.io/node-id": f"!in({','.join(self._unfit)})"}} if self._unfit else {}
        actor = self._actor_class.options(
            num_cpus=self._needs.cpus,
            num_gpus=self._needs.gpus,
            resources=dict(self._needs.resources) or None,
            max_restarts=0,
            **excluded,
        ).remote(max(1, int(self._needs.cpus)))
        return _Member(actor, actor.prepare.remote(sys.path, [self._sent]))

    def _has_hope(self) -> bool:
        """Whether a machine may still join: for a while, unless those that are there have refused."""
        if self._members or self._room():
            self._hopeful = -1.0
            return True
        if self._hopeful < 0:
            self._hopeful = time.monotonic()
        return not self._unfit and time.monotonic() - self._hopeful < self._cluster.timeout_s

    def _give_up(self) -> list[Outcome]:
        """No machine can work: say why; as the failure of every job if it is the system's own."""
        reasons = list(self._unfit.values())
        nodes = "; ".join(f"{node[:8]}: {_resources(r)}" for node, r in alive_nodes().items())
        if not reasons:
            raise RunError(f"no machine has room for a worker ({self._needs}); there are {nodes or 'none'}")
        raise RunError(f"no machine of the Ray cluster can work: {reasons[0]}")

    def _end(self, member: _Member) -> None:
        import ray

        self._members.remove(member)
        ray.kill(member.actor, no_restart=True)

    def _check_started(self) -> None:
        assert self._started, "the executor is used outside its context"

    def __enter__(self) -> RayExecutor:
        connection = self._exit.enter_context(connected(self._cluster))
        try:
            import ray

            from search.executors.ray_worker import Worker

            self.connection = str(connection)
            self._actor_class = ray.remote(Worker)
            self._shipment = self._pack()
            self._sent = ray.put(self._shipment)
            self._started = True
            self._look_after_cluster(at_once=True)
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started = False
        self._queue.clear()
        try:
            for member in list(self._members):
                self._end(member)
        finally:
            self._exit.close()


def _awaits(member: _Member, reference: Any) -> bool:
    return bool(member.batches) and member.batches[0][0] == reference


def _resources(node: Mapping[str, float]) -> str:
    shown = {name: amount for name, amount in node.items() if ":" not in name and "memory" not in name}
    return ", ".join(f"{name} {amount:g}" for name, amount in shown.items()) or "nothing"


def _is_of_machine(error: Exception) -> bool:
    """Whether it is the machine or the way to it that is gone, not a process on it."""
    import ray

    gone = (ray.exceptions.ActorUnavailableError, ray.exceptions.NodeDiedError)
    return isinstance(error, gone) or "node has died" in str(error)


def _cause(error: Exception) -> str:
    """What Ray knows of a death: little, unless it killed the worker itself."""
    text = str(error)
    if "OutOfMemory" in type(error).__name__ or "running low on memory" in text:
        return "its machine ran out of memory"
    return "out of memory, killed or crashed" if "died" in text else text.splitlines()[0][:200]
